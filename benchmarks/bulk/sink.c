/* An SMTP server that takes every message, remembers whom it was for, and is as slow as it is told to be.
 *
 *     sink SMTP_PORT CONTROL_PORT          (0: any free port; both are printed on one line when it listens)
 *
 * One thread, epoll, and a timer of the kernel for every wait, so that a slow conversation holds up no other and 50 ms
 * are 50 ms. What the control port understands is in sink_control.h.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sink_table.h"

enum { READ_SIZE = 65536, MESSAGE_MAX = 64 << 20, EVENTS = 256, ADDRESS_MAX = 320 };
enum kind { SMTP_LISTENER, CONTROL_LISTENER, TIMER, SMTP, CONTROL };
enum fate { GOOD, TRANSIENT, PERMANENT, CUT };

typedef struct peer {
    enum kind kind;
    int fd;
    char *in;
    size_t length, size, scanned;
    int in_data;      /* between DATA and the lone dot */
    enum fate fate;   /* of the message that is being said */
    char recipient[ADDRESS_MAX];
    char reply[4096]; /* waits until due */
    double due;       /* 0: nothing waits */
    int reply_accepts, reply_ends;
    struct peer *next, *previous;
} peer;

/* -- What is known, and what was told ------------------------------------------------------------------------------ */

static struct { double connection_ms, command_ms, message_ms, transient, permanent, cut, pipelining, together; } told = {.pipelining = 1};
static struct {
    uint64_t accepted, duplicates, message_ids_repeated, transient, permanent, cut, connections, bytes, commands, unheard;
    uint64_t open, open_most;
    double first, last;
} seen;
static peer *peers;
static uint64_t waiting; /* replies that are not due yet */
static int epoll, timer;
static uint64_t random_state = 88172645463325252ull;

static table recipients, message_ids;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double chance(void) { /* xorshift: the same run has the same faults */
    random_state ^= random_state << 13; random_state ^= random_state >> 7; random_state ^= random_state << 17;
    return (random_state >> 11) * (1.0 / 9007199254740992.0);
}

static enum fate fate_new(void) {
    double drawn = chance();
    if ((drawn -= told.transient) < 0) return TRANSIENT;
    if ((drawn -= told.permanent) < 0) return PERMANENT;
    return drawn - told.cut < 0 ? CUT : GOOD;
}

/* -- Connections --------------------------------------------------------------------------------------------------- */

static void watch(peer *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, what->fd, &event)) { perror("epoll_ctl"); exit(1); }
}

static void message_taken(peer *from);

static void hang_up(peer *what) {
    if (what->due && what->reply_accepts) { message_taken(what); seen.unheard++; } /* taken, and nobody hears it */
    if (what->due) waiting--;
    if (what->kind == SMTP) seen.open--;
    if (what->previous) what->previous->next = what->next; else peers = what->next;
    if (what->next) what->next->previous = what->previous;
    close(what->fd);
    free(what->in);
    what->fd = -1; /* freed by the loop, since an event of this round may still point here */
}

static void say(peer *to, const char *text, size_t length) {
    while (length) { /* replies are short: a client that does not read them blocks only itself and us for a moment */
        ssize_t sent = send(to->fd, text, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) { usleep(100); continue; }
        if (sent < 0) return; /* the read will tell */
        text += sent;
        length -= sent;
    }
}

static void message_taken(peer *from) {
    double at = now();
    if (!seen.accepted++) seen.first = at;
    seen.last = at;
    if (!table_add(&recipients, hash(from->recipient, strlen(from->recipient)), at)) seen.duplicates++;
}

static void reply_now(peer *to) {
    if (to->reply_accepts) message_taken(to);
    to->reply_accepts = 0;
    say(to, to->reply, strlen(to->reply));
    to->reply[0] = 0;
    if (to->reply_ends) hang_up(to);
}

static void reply_after(peer *to, double ms, const char *text) {
    strncat(to->reply, text, sizeof to->reply - strlen(to->reply) - 1);
    if (ms > 0) {
        to->due = now() + ms / 1e3;
        waiting++;
    } else if (!told.together)
        reply_now(to);
}

static void timer_set(void) {
    double next = 0;
    for (peer *each = waiting ? peers : NULL; each; each = each->next)
        if (each->due && (!next || each->due < next)) next = each->due;
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)next, .tv_nsec = (long)((next - (time_t)next) * 1e9)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* -- The conversation ---------------------------------------------------------------------------------------------- */

#include "sink_words.h"

static void consume(peer *from, size_t length) {
    memmove(from->in, from->in + length, from->length - length + 1);
    from->length -= length;
    from->scanned = 0;
}

static int take_message(peer *from) { /* returns whether a whole one was there */
    size_t begin = from->scanned > 4 ? from->scanned - 4 : 0;
    char *end = memmem(from->in + begin, from->length - begin, "\r\n.\r\n", 5);
    int is_empty = from->length >= 3 && !memcmp(from->in, ".\r\n", 3);
    if (!end && !is_empty) {
        from->scanned = from->length;
        return 0;
    }
    size_t length = is_empty ? 3 : (size_t)(end + 5 - from->in);
    remember_message_id(from->in, length);
    seen.bytes += length;
    from->in_data = 0;
    from->reply_accepts = 1;
    consume(from, length);
    reply_after(from, told.message_ms, "250 2.0.0 taken\r\n");
    return 1;
}

static int take_command(peer *from) {
    char *end = memchr(from->in, '\n', from->length);
    if (!end) return 0;
    *end = 0;
    size_t length = end + 1 - from->in;
    const char *text = answer(from, from->in);
    seen.commands++;
    if (!text) { hang_up(from); return 0; }
    consume(from, length);
    reply_after(from, told.together ? 0 : told.command_ms, text);
    return from->fd >= 0;
}

/* One reply at a time, in order. "together": what came in one piece is answered in one, after one command's time, as on a
 * line whose round trip is slow; otherwise every command costs its time, pipelined or not, as with a slow server. */
static void go_on(peer *from) {
    while (from->fd >= 0 && !from->due && from->length)
        if (!(from->in_data ? take_message(from) : take_command(from))) break;
    if (told.together && from->fd >= 0 && !from->due && from->reply[0]) {
        if (told.command_ms > 0 && !from->reply_accepts) {
            from->due = now() + told.command_ms / 1e3;
            waiting++;
        } else
            reply_now(from);
    }
}

static void due_now(void) {
    double moment = now();
    for (peer *each = peers, *next; each; each = next) {
        next = each->next;
        if (!each->due || each->due > moment + 2e-5) continue;
        each->due = 0;
        waiting--;
        reply_now(each);
        if (each->fd >= 0) go_on(each); else free(each);
    }
}

#include "sink_control.h"

/* -- The loop ------------------------------------------------------------------------------------------------------ */

static int listen_on(int port, enum kind kind) { /* returns the port */
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, length) || listen(fd, 1024)) { perror("sink: listen"); exit(1); }
    getsockname(fd, (struct sockaddr *)&address, &length);
    peer *listener = must(calloc(1, sizeof *listener));
    listener->kind = kind;
    listener->fd = fd;
    watch(listener);
    return ntohs(address.sin_port);
}

static void welcome(const peer *listener) {
    int on = 1, fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer *new = must(calloc(1, sizeof *new));
    new->kind = listener->kind == SMTP_LISTENER ? SMTP : CONTROL;
    new->fd = fd;
    if ((new->next = peers)) peers->previous = new;
    peers = new;
    watch(new);
    if (new->kind == CONTROL) return;
    seen.connections++;
    if (++seen.open > seen.open_most) seen.open_most = seen.open;
    reply_after(new, told.connection_ms, "220 sink ESMTP\r\n");
    if (told.together && !new->due) reply_now(new);
}

static int receive(peer *from) { /* returns whether it is still there */
    if (from->length + READ_SIZE + 1 > from->size) {
        from->size = from->size ? from->size * 2 : READ_SIZE * 2;
        if (from->size > MESSAGE_MAX) return 0;
        from->in = must(realloc(from->in, from->size));
    }
    ssize_t got = recv(from->fd, from->in + from->length, READ_SIZE, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 1;
    if (got <= 0) return 0;
    from->length += got;
    from->in[from->length] = 0;
    return 1;
}

static void listen_to(peer *from) {
    if (!receive(from)) hang_up(from);
    else if (from->kind == SMTP) go_on(from);
    else
        for (char *end; from->fd >= 0 && (end = memchr(from->in, '\n', from->length));) {
            *end = 0;
            size_t length = end + 1 - from->in;
            control(from, from->in);
            consume(from, length);
        }
    if (from->fd < 0) free(from);
}

int main(int count, char **arguments) {
    struct epoll_event events[EVENTS];
    static peer clock_peer = {.kind = TIMER};
    if (count != 3) { fprintf(stderr, "usage: sink SMTP_PORT CONTROL_PORT\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(0);
    timer = clock_peer.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    watch(&clock_peer);
    int smtp = listen_on(atoi(arguments[1]), SMTP_LISTENER), told_on = listen_on(atoi(arguments[2]), CONTROL_LISTENER);
    printf("%d %d\n", smtp, told_on);
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1), is_reset = 0;
        for (int i = 0; i < ready && !is_reset; i++) {
            peer *what = events[i].data.ptr;
            if (what->kind == TIMER) {
                uint64_t times;
                if (read(timer, &times, sizeof times) < 0 && errno != EAGAIN) return 1;
                due_now();
                break; /* due_now may have freed a peer of this round; the others are still ready */
            }
            is_reset = what->kind == CONTROL; /* the same: a reset hangs up on others */
            if (what->kind == SMTP_LISTENER || what->kind == CONTROL_LISTENER) welcome(what);
            else listen_to(what);
        }
        timer_set();
    }
}
