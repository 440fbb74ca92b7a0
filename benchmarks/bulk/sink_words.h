/* What sink.c, which includes this once, answers to each command, and what it reads in a message. */

static void remember_message_id(const char *message, size_t length) {
    const char *end = memmem(message, length, "\r\n\r\n", 4);
    size_t head = end ? (size_t)(end - message) : length;
    for (const char *line = message; line && line < message + head;) {
        const char *stop = memmem(line, message + length - line, "\r\n", 2);
        if (!stop) return;
        if (stop - line > 11 && !strncasecmp(line, "message-id:", 11)) {
            if (!table_add(&message_ids, hash(line + 11, stop - line - 11), 0)) seen.message_ids_repeated++;
            return;
        }
        line = stop + 2;
    }
}

static const char *answer(peer *to, const char *line) { /* NULL: hang up without a word */
    static const char *const extensions[] = {"250-sink\r\n250-8BITMIME\r\n250 SIZE 67108864\r\n",
                                             "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 67108864\r\n"};
    if (!strncasecmp(line, "EHLO", 4)) return extensions[told.pipelining > 0];
    if (!strncasecmp(line, "HELO", 4)) return "250 sink\r\n";
    if (!strncasecmp(line, "MAIL", 4)) {
        to->recipient[0] = 0;
        to->fate = fate_new();
        return "250 2.1.0 sender\r\n";
    }
    if (!strncasecmp(line, "RCPT", 4)) {
        const char *begin = strchr(line, '<'), *end = begin ? strchr(begin, '>') : NULL;
        if (to->fate == TRANSIENT) { seen.transient++; return "450 4.2.1 mailbox busy\r\n"; }
        if (to->fate == PERMANENT) { seen.permanent++; return "550 5.1.1 nobody here\r\n"; }
        if (end && !to->recipient[0] && end - begin < ADDRESS_MAX) {
            memcpy(to->recipient, begin + 1, end - begin - 1);
            to->recipient[end - begin - 1] = 0;
        }
        return "250 2.1.5 recipient\r\n";
    }
    if (!strncasecmp(line, "DATA", 4)) {
        if (!to->recipient[0]) return "554 5.5.1 no valid recipients\r\n";
        if (to->fate == CUT) { seen.cut++; return NULL; }
        to->in_data = 1;
        return "354 go on\r\n";
    }
    if (!strncasecmp(line, "QUIT", 4)) { to->reply_ends = 1; return "221 2.0.0 bye\r\n"; }
    if (!strncasecmp(line, "RSET", 4) || !strncasecmp(line, "NOOP", 4)) return "250 2.0.0 ok\r\n";
    return "502 5.5.2 unknown\r\n";
}
