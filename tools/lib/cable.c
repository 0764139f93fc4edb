// A cable with a length and a fault: stands between a host and the switch and forwards Ethernet frames both ways. Frames from
// the host arrive later by a fixed delay, in order, and some are lost, drawn from a seeded generator; frames to the host pass
// at once. tools/lab compiles it at first use and runs it only while a delay or a loss is asked for, because the kernels
// that this is meant for come without netem.
//
//   cable forward HOST_SIDE SWITCH_SIDE DELAY_MICROSECONDS LOSS_PER_MILLION SEED
//   cable offload DEVICE on|off
//
// Raw sockets see frames before their checksum is filled in and before they are cut to size, when the sender leaves both to
// its network card. `offload` turns that off, on each device whose frames come through here.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAME_BYTES_MAX = 65536,
    // What is under way at once. A real cable drops what its switch cannot keep; 1 Gbit/s for 0.5 s fits.
    WAITING_BYTES_MAX = 64 << 20,
    // Frames taken from one side before the other gets its turn.
    BATCH = 64,
};

struct frame {
    struct frame *next;
    int64_t due_ns;
    size_t length;
    unsigned char bytes[];
};

static struct frame *first, **last = &first;
static size_t waiting_bytes;

static _Noreturn void quit(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// SplitMix64.
static uint64_t draw(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static int open_side(const char *device) {
    int side = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    if (side < 0) quit("socket");
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(device);
    if (address.sll_ifindex == 0) quit(device);
    if (bind(side, (struct sockaddr *)&address, sizeof address) < 0) quit("bind");
    int one = 1, buffer = 16 << 20;
    // What we send ourselves must not come back.
    if (setsockopt(side, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) < 0) quit("PACKET_IGNORE_OUTGOING");
    setsockopt(side, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(side, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    return side;
}

// A frame that cannot be sent (cable cut, queue full) is lost, as on a real cable.
static void pass(int side, const void *bytes, size_t length) {
    while (send(side, bytes, length, 0) < 0 && errno == EINTR) {}
}

static void keep(const void *bytes, size_t length, int64_t due_ns) {
    if (waiting_bytes + length > WAITING_BYTES_MAX) return;
    struct frame *frame = malloc(sizeof *frame + length);
    if (frame == NULL) return;
    *frame = (struct frame){.due_ns = due_ns, .length = length};
    memcpy(frame->bytes, bytes, length);
    *last = frame;
    last = &frame->next;
    waiting_bytes += length;
}

static void pass_due(int side) {
    while (first != NULL && first->due_ns <= now_ns()) {
        struct frame *frame = first;
        first = frame->next;
        if (first == NULL) last = &first;
        waiting_bytes -= frame->length;
        pass(side, frame->bytes, frame->length);
        free(frame);
    }
}

static int forward(char **words) {
    int host = open_side(words[0]), outside = open_side(words[1]);
    int64_t delay_ns = strtoll(words[2], NULL, 10) * 1000;
    uint64_t loss_per_million = strtoull(words[3], NULL, 10), generator = strtoull(words[4], NULL, 10);
    static unsigned char bytes[FRAME_BYTES_MAX];
    prctl(PR_SET_TIMERSLACK, 1);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct timespec wait = {0}, *limit = NULL;
        if (first != NULL) {
            int64_t left = first->due_ns - now_ns();
            if (left > 0) wait = (struct timespec){left / 1000000000, left % 1000000000};
            limit = &wait;
        }
        struct pollfd sides[2] = {{.fd = host, .events = POLLIN}, {.fd = outside, .events = POLLIN}};
        if (ppoll(sides, 2, limit, NULL) < 0 && errno != EINTR) quit("poll");
        for (int turn = 0; turn < BATCH; turn++) {
            ssize_t length = recv(host, bytes, sizeof bytes, MSG_DONTWAIT);
            if (length <= 0) break;
            if (draw(&generator) % 1000000 < loss_per_million) continue;
            if (delay_ns == 0) pass(outside, bytes, (size_t)length);
            else keep(bytes, (size_t)length, now_ns() + delay_ns);
        }
        for (int turn = 0; turn < BATCH; turn++) {
            ssize_t length = recv(outside, bytes, sizeof bytes, MSG_DONTWAIT);
            if (length <= 0) break;
            pass(host, bytes, (size_t)length);
        }
        pass_due(outside);
    }
}

static int offload(const char *device, uint32_t value) {
    int any = socket(AF_INET, SOCK_DGRAM, 0);
    if (any < 0) quit("socket");
    // Larger things first: without checksums the kernel turns the others off by itself.
    uint32_t features[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_STXCSUM};
    for (size_t index = 0; index < sizeof features / sizeof *features; index++) {
        struct ethtool_value setting = {.cmd = features[index], .data = value};
        struct ifreq request = {0};
        strncpy(request.ifr_name, device, IFNAMSIZ - 1);
        request.ifr_data = (void *)&setting;
        if (ioctl(any, SIOCETHTOOL, &request) < 0) quit("SIOCETHTOOL");
    }
    return 0;
}

int main(int count, char **words) {
    if (count == 7 && strcmp(words[1], "forward") == 0) return forward(words + 2);
    if (count == 4 && strcmp(words[1], "offload") == 0) return offload(words[2], strcmp(words[3], "on") == 0);
    fputs("usage: cable forward HOST_SIDE SWITCH_SIDE DELAY_MICROSECONDS LOSS_PER_MILLION SEED\n"
          "       cable offload DEVICE on|off\n", stderr);
    return 2;
}
