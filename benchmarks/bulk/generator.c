/* The limit that no client passes: one thread for each kept connection, the message ready in memory, nothing recorded.
 *
 *     generator PORT CONNECTIONS COUNT MESSAGE_FILE
 *
 * Prints when it began, on CLOCK_MONOTONIC, and how many seconds of CPU it used.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char message[1 << 20];
static size_t length;
static int port, count;
static atomic_int next;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void say(int fd, const char *text, size_t size) {
    while (size) {
        ssize_t sent = write(fd, text, size);
        if (sent <= 0) fail("generator: write");
        text += sent;
        size -= sent;
    }
}

static void expect(FILE *from, char digit) { /* one whole reply */
    char line[1024];
    do
        if (!fgets(line, sizeof line, from)) fail("generator: read");
    while (line[3] == '-');
    if (line[0] != digit) { fprintf(stderr, "generator: %s", line); exit(1); }
}

static void *converse(void *unused) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) fail("generator: connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    FILE *replies = fdopen(dup(fd), "r");
    expect(replies, '2');
    say(fd, "EHLO generator\r\n", 16);
    expect(replies, '2');
    for (int number; (number = next++) < count;) {
        char text[256];
        int size = snprintf(text, sizeof text, "MAIL FROM:<hello@example.com>\r\nRCPT TO:<reader-%d@example.net>\r\nDATA\r\n", number);
        say(fd, text, size); /* RFC 2920: all three at once */
        expect(replies, '2');
        expect(replies, '2');
        expect(replies, '3');
        size = snprintf(text, sizeof text, "Message-ID: <%d@generator>\r\n", number);
        char whole[sizeof message + sizeof text];
        memcpy(whole, text, size);
        memcpy(whole + size, message, length);
        say(fd, whole, size + length);
        expect(replies, '2');
    }
    say(fd, "QUIT\r\n", 6);
    return unused;
}

int main(int arguments, char **argument) {
    if (arguments != 5) { fprintf(stderr, "usage: generator PORT CONNECTIONS COUNT MESSAGE_FILE\n"); return 2; }
    port = atoi(argument[1]);
    int connections = atoi(argument[2]);
    count = atoi(argument[3]);
    FILE *file = fopen(argument[4], "r");
    if (!file) fail(argument[4]);
    length = fread(message, 1, sizeof message, file);
    fclose(file);
    struct timespec began;
    clock_gettime(CLOCK_MONOTONIC, &began);
    pthread_t threads[connections];
    for (int i = 0; i < connections; i++)
        if (pthread_create(&threads[i], NULL, converse, NULL)) fail("generator: thread");
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("%.6f %.6f\n", began.tv_sec + began.tv_nsec / 1e9,
           used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
    return 0;
}
