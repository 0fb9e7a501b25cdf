/* The floor: one send() for each connection and event, of a frame that is chunk-encoded once.
 * Nothing is checked, stored, queued or bounded: no server that does its work can cost less. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 1100000
#define MAX_EVENTS 1024

static int streams[MAX_FDS], place[MAX_FDS], count; /* fd by place, place + 1 by fd */
static int by_client[MAX_FDS];                      /* fd + 1 by the number in the client id */
static char in[65536], out[131072];

static const char HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nretry: 2000\n\n\r\n";

static void leave(int fd) {
  if (place[fd]) {
    int hole = place[fd] - 1, last = streams[--count];
    streams[hole] = last;
    place[last] = hole + 1;
    place[fd] = 0;
  }
  close(fd);
}

static void publish(int only, const char *body, int length) {
  static long id;
  static char frame[131000];
  int size = snprintf(frame, sizeof frame, "id: %ld\ndata: %.*s\n\n", ++id, length, body);
  int total = snprintf(out, sizeof out, "%x\r\n%.*s\r\n", size, size, frame);
  if (only >= 0) {
    send(only, out, total, MSG_NOSIGNAL);
    return;
  }
  for (int i = 0; i < count; i++) send(streams[i], out, total, MSG_NOSIGNAL);
}

static void answer(int fd) {
  static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  send(fd, OK, sizeof OK - 1, MSG_NOSIGNAL);
}

static void serve(int fd) {
  int n = recv(fd, in, sizeof in - 1, 0);
  if (n <= 0) {
    if (n == 0 || errno != EAGAIN) leave(fd);
    return;
  }
  in[n] = 0;
  char *end = strstr(in, "\r\n\r\n"), *client = strstr(in, "u");
  int number = client && client < strstr(in, "\r\n") ? atoi(client + 1) : -1;
  if (!end) return;
  if (!strncmp(in, "GET /sse", 8)) {
    streams[count++] = fd;
    place[fd] = count;
    if (number >= 0 && number < MAX_FDS) by_client[number] = fd + 1;
    send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL);
    return;
  }
  if (!strncmp(in, "POST /clients/", 14)) {
    publish(number >= 0 ? by_client[number] - 1 : -1, end + 4, n - (int)(end + 4 - in));
  } else if (!strncmp(in, "POST", 4)) {
    publish(-1, end + 4, n - (int)(end + 4 - in));
  }
  answer(fd);
}

int main(int argc, char **argv) {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1, poll = epoll_create1(0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
  struct epoll_event ready[MAX_EVENTS], ask = {.events = EPOLLIN, .data.fd = listener};
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return perror("listen"), 1;
  epoll_ctl(poll, EPOLL_CTL_ADD, listener, &ask);
  for (;;) {
    int n = epoll_wait(poll, ready, MAX_EVENTS, -1);
    for (int i = 0; i < n; i++) {
      int fd = ready[i].data.fd;
      if (fd != listener) {
        serve(fd);
        continue;
      }
      while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        ask.data.fd = fd;
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &ask);
      }
    }
  }
}
