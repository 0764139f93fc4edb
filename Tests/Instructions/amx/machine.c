// The first and only process of a machine that tools/check-amx has emulated: runs the programs named on the kernel's
// command line after "--" one by one, a comma between a program and its words, and switches the machine off.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static int run(char *command) {
    char *words[16] = {NULL};
    int count = 0;
    for (char *word = strtok(command, ","); word && count < 15; word = strtok(NULL, ",")) words[count++] = word;
    const pid_t child = fork();
    if (child == 0) {
        execv(words[0], words);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **commands) {
    mkdir("/proc", 0755);
    mkdir("/tmp", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    setenv("HOME", "/tmp", 1);
    for (int i = 1; i < count; i++) {
        if (commands[i][0] != '/') continue;
        char name[64];
        snprintf(name, sizeof name, "%s", commands[i]);
        printf("== %s\n", name);
        fflush(stdout);
        printf("== %s: exit code %d\n", name, run(commands[i]));
        fflush(stdout);
    }
    printf("== end\n");
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    sync();
    reboot(RB_POWER_OFF);
    return 1;
}
