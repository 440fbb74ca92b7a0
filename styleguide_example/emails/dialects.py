"""Words in which the two databases differ, for the statements that a queryset cannot say.

https://www.postgresql.org/docs/current/functions-json.html, https://sqlite.org/json1.html,
https://sqlite.org/lang_returning.html (SQLite 3.35)
"""

DIALECTS = {
    "postgresql": {
        "now": "STATEMENT_TIMESTAMP()",
        "lease": "STATEMENT_TIMESTAMP() + %s * INTERVAL '1 second'",
        # What another one locks is passed over. An array, so that it is chosen once.
        "chosen": "= ANY(ARRAY({chosen} FOR NO KEY UPDATE SKIP LOCKED))",
        "steps": "jsonb_to_recordset(%s::jsonb) AS step("
        "id bigint, token uuid, is_sent integer, reply text, took_ms integer, delivered jsonb, refused jsonb)",
        # The planner knows how many these are, not how many come out of the function.
        "among": "email.id = ANY(%s) AND ",
    },
    "sqlite": {
        "now": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
        "lease": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', %s || ' seconds')",
        "chosen": "IN ({chosen})",
        "steps": "(SELECT json_extract(value, '$.id') AS id, json_extract(value, '$.token') AS token,"
        " json_extract(value, '$.is_sent') AS is_sent, json_extract(value, '$.reply') AS reply,"
        " json_extract(value, '$.took_ms') AS took_ms,"
        " json_extract(value, '$.delivered') AS delivered, json_extract(value, '$.refused') AS refused"
        " FROM json_each(%s)) AS step",
        "among": "",
    },
}
