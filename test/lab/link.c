/* A link between two TAP devices, in user space: each way has a rate, a delay, random loss and a queue that drops from its tail.
 *
 *   link TAP_A TAP_B RATE_MBIT DELAY_MS LOSS_PERCENT
 *
 * RATE_MBIT 0: as fast as it goes. The queue holds two bandwidth-delay products, 64 KiB at least. It prints "ready" once both devices are
 * there, to be moved into network namespaces. For kernels without netem; it needs /dev/net/tun. Build: cc -O2 -o link link.c
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 2048
#define FRAMES 65536
/* What Ethernet adds to a frame on a wire: preamble, checksum, gap. */
#define WIRE_BYTES 24
#define BATCH 128

typedef struct {
  int64_t due;
  int length;
  unsigned char bytes[FRAME_BYTES];
} Frame;

typedef struct {
  int from, to;
  Frame *frames;
  uint64_t first, next;
  /* When the last frame that was taken will have left. */
  int64_t busy_until;
} Way;

static double ns_per_byte, loss;
static int64_t delay_ns, queue_ns;
static uint64_t seed = 0x9e3779b97f4a7c15ull;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016. */
static double draw(void) {
  seed ^= seed >> 12;
  seed ^= seed << 25;
  seed ^= seed >> 27;
  return (double)((seed * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

static int open_tap(const char *name) {
  struct ifreq request;
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  memset(&request, 0, sizeof request);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
  if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0) {
    perror(name);
    exit(1);
  }
  return fd;
}

static void take(Way *way) {
  unsigned char scrap[FRAME_BYTES];
  for (int i = 0; i < BATCH; i++) {
    int is_full = way->next - way->first == FRAMES;
    Frame *frame = &way->frames[way->next % FRAMES];
    int length = (int)read(way->from, is_full ? scrap : frame->bytes, FRAME_BYTES);
    if (length <= 0) return;
    int64_t at = now();
    int64_t begin = way->busy_until > at ? way->busy_until : at;
    if (is_full || draw() < loss || (ns_per_byte > 0 && begin - at > queue_ns)) continue;
    way->busy_until = begin + (int64_t)((length + WIRE_BYTES) * ns_per_byte);
    frame->due = way->busy_until + delay_ns;
    frame->length = length;
    way->next++;
  }
}

/* Hands on what is due; gives the nanoseconds until the next frame is, a second at most. */
static int64_t hand_on(Way *way) {
  while (way->first != way->next) {
    Frame *frame = &way->frames[way->first % FRAMES];
    int64_t left = frame->due - now();
    if (left > 0) return left < 1000000000 ? left : 1000000000;
    if (write(way->to, frame->bytes, frame->length) < 0) { /* Its end is not up: the frame is lost. */
    }
    way->first++;
  }
  return 1000000000;
}

int main(int count, char **words) {
  if (count != 6) {
    fprintf(stderr, "usage: link TAP_A TAP_B RATE_MBIT DELAY_MS LOSS_PERCENT\n");
    return 2;
  }
  double rate = atof(words[3]);
  ns_per_byte = rate > 0 ? 8000.0 / rate : 0;
  delay_ns = (int64_t)(atof(words[4]) * 1e6);
  loss = atof(words[5]) / 100;
  queue_ns = 4 * delay_ns;
  int64_t least_ns = (int64_t)(65536 * ns_per_byte);
  if (queue_ns < least_ns) queue_ns = least_ns;
  /* Whoever runs it may be killed: it never goes on by itself. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* A wire waits for nobody: however low the suite's own priority is, frames leave in time. */
  setpriority(PRIO_PROCESS, 0, 0);
  int a = open_tap(words[1]), b = open_tap(words[2]);
  Way ways[2] = {{.from = a, .to = b}, {.from = b, .to = a}};
  for (int i = 0; i < 2; i++)
    if ((ways[i].frames = calloc(FRAMES, sizeof(Frame))) == NULL) return 1;
  printf("ready\n");
  fflush(stdout);
  for (;;) {
    int64_t wait = 1000000000;
    for (int i = 0; i < 2; i++) {
      take(&ways[i]);
      int64_t left = hand_on(&ways[i]);
      if (left < wait) wait = left;
    }
    struct pollfd ends[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    struct timespec time = {wait / 1000000000, wait % 1000000000};
    ppoll(ends, 2, &time, NULL);
    /* The namespaces are gone, and the taps with them. */
    if ((ends[0].revents | ends[1].revents) & (POLLERR | POLLHUP | POLLNVAL)) return 0;
  }
}
