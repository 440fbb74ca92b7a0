/* The control port of sink.c, which includes this once. Each line is answered with one line:
 *
 *     figures             what was seen since the last reset, as JSON; moments are of CLOCK_MONOTONIC
 *     reset               hang up on everybody and forget what was seen
 *     set NAME VALUE      connection_ms, command_ms, message_ms; transient, permanent, cut: shares between 0 and 1 of the
 *                         messages; pipelining: whether it is announced; together: see go_on()
 *     accepted ADDRESS    when a message for this address was first taken, or 0
 */
static double *setting(const char *name) {
    static const struct { const char *name; double *value; } names[] = {
        {"connection_ms", &told.connection_ms}, {"command_ms", &told.command_ms}, {"message_ms", &told.message_ms},
        {"transient", &told.transient}, {"permanent", &told.permanent}, {"cut", &told.cut},
        {"pipelining", &told.pipelining}, {"together", &told.together}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i].name, name)) return names[i].value;
    return NULL;
}

static void forget_all(void) { /* and hang up, so that each measurement opens its own connections */
    for (peer *each = peers, *next; each; each = next) {
        next = each->next;
        if (each->kind == SMTP) { each->reply_accepts = 0; hang_up(each); free(each); }
    }
    memset(&seen, 0, sizeof seen);
    table_empty(&recipients);
    table_empty(&message_ids);
}

static void figures(char *text, size_t size) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    snprintf(text, size,
             "{\"accepted\": %" PRIu64 ", \"distinct\": %zu, \"duplicates\": %" PRIu64 ", \"message_ids\": %zu, "
             "\"message_ids_repeated\": %" PRIu64 ", \"transient\": %" PRIu64 ", \"permanent\": %" PRIu64
             ", \"cut\": %" PRIu64 ", \"connections\": %" PRIu64 ", \"open\": %" PRIu64 ", \"open_most\": %" PRIu64
             ", \"bytes\": %" PRIu64 ", \"commands\": %" PRIu64 ", \"unheard\": %" PRIu64
             ", \"first\": %.6f, \"last\": %.6f, \"cpu\": %.6f}\n",
             seen.accepted, recipients.count, seen.duplicates, message_ids.count, seen.message_ids_repeated,
             seen.transient, seen.permanent, seen.cut, seen.connections, seen.open, seen.open_most, seen.bytes,
             seen.commands, seen.unheard, seen.first, seen.last, cpu);
}

static void control(peer *from, char *line) {
    char name[64] = "", text[1024] = "ok\n";
    double value = 0, *place;
    line[strcspn(line, "\r")] = 0;
    if (!strcmp(line, "figures")) figures(text, sizeof text);
    else if (!strcmp(line, "reset")) forget_all();
    else if (!strncmp(line, "accepted ", 9)) {
        size_t found = recipients.size ? table_place(&recipients, hash(line + 9, strlen(line + 9))) : 0;
        snprintf(text, sizeof text, "%.6f\n", recipients.size && recipients.keys[found] ? recipients.times[found] : 0.0);
    } else if (sscanf(line, "set %63s %lf", name, &value) == 2 && (place = setting(name))) *place = value;
    else snprintf(text, sizeof text, "unknown\n");
    say(from, text, strlen(text));
}
