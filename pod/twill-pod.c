// The processes of the lab that are not Twill itself: what starts, holds, watches, enters and plays containers.
//
//   twill-pod pause                          holds the namespaces it was started in until it is killed
//   twill-pod start OPTIONS -- ARGV          starts a process; without --detach stays, passes signals and the exit code on
//   twill-pod run OPTIONS -- ARGV            starts a container's process and stays as its parent: output to a log in the form
//                                            of the Container Runtime Interface, state and exit to a file
//   twill-pod exec --pid PID OPTIONS -- ARGV runs ARGV beside PID: its namespaces, its root, its cgroup, its environment
//                                            --tty takes standard input as its terminal; --relay passes its streams on instead
//                                            of handing them over, with --tty those of a new terminal (pod/relay.h)
//   twill-pod enter PID [ARGV]               the same with a terminal; without ARGV a shell
//   twill-pod dial --pid PID HOST PORT       standard input and output as a TCP connection made in PID's network namespace
//   twill-pod probe --pid PID --cgroup DIR --timeout MS  who can be reached from there: lines of PROTOCOL HOST PORT in, results out (pod/probe.c)
//   twill-pod measure --from PID --cgroup DIR --to PID --host ADDRESS --time MS  how fast they reach each other (pod/measure.c)
//   twill-pod attach SOCKET [--tty]          standard streams as those of a container that runs, until it ends (pod/attach.h)
//   twill-pod standin OPTIONS                answers on ports in place of an image that the lab does not have
//
// Options of `start` and `run`, done in this order whatever order they are given in (mounts among themselves as given):
//   --cgroup DIR        folder of cgroup v2 to be born in; made with its parents when missing
//   --log FILE          start: both outputs, appended, standard input empty. run: the container's log
//   --detach            session of its own; twill-pod ends when ARGV runs and prints its process id. A failure before that is
//                       one sentence on standard error and exit code 1
//   --enter PID:LIST    joins namespaces of PID, LIST of net,mnt,uts,ipc,pid,cgroup; may be given several times
//   --new LIST          makes namespaces, of the same LIST. With mnt, nothing mounted inside is seen outside; with pid, ARGV is
//                       process 1 (mount proc for it)
//   --keep NAME:FILE    binds namespace NAME to FILE, made when missing, in the mount namespace before --new mnt
//   --hostname NAME     needs --new uts or one entered
//   --sysctl NAME=VALUE in the namespaces it is in by then, as net.ipv4.ip_forward=1
//   --overlay DIR       the root becomes a private, writable layer in memory over / of the mount namespace (without what is
//                       mounted below it); DIR is any existing folder, covered meanwhile. Needs --new mnt
//   --root DIR          the root becomes DIR. Needs --new mnt
//   --dev               a /dev of its own with the usual devices, none of the host's. Needs --new mnt
//   --bind SRC:DST[:ro] SRC as seen before all mounts, with what is mounted below it; DST is made when missing
//   --mount TYPE:DST[:OPTIONS]  a file system, as proc:/proc, sysfs:/sys, tmpfs:/run:size=64m,mode=755
//   --cwd DIR           made when missing; default / with a new root, else unchanged
//   --user UID[:GID[:GID...]]  numbers; the group is UID 0's by default, further ones are supplementary
//   --clear-env         starts from an empty environment
//   --env NAME=VALUE    one variable; in `start` added to the caller's environment
//   --self              ARGV are arguments of this very executable, whatever the new root holds: `--self -- pause`
// ARGV[0] is looked up in PATH of the new environment within the new root.
//
// `run` also knows:
//   --status FILE       replaced at once when ARGV runs: {"pid":7,"startedAt":"…"}, and when it has ended: with "finishedAt",
//                       "exitCode" (128 + signal when killed) and "signal" added
//   --attach SOCKET     where clients attach (`twill-pod attach`); path of at most 107 bytes
//   --stdin             what clients type goes to ARGV; --stdin-once: its end too
//   --tty               a terminal instead of pipes
//   --monitor-cgroup DIR  where the parent itself lives
#include "role.h"
#include "fail.h"
#include <string.h>

static const struct {
  const char *name;
  int (*run)(char **args);
} roles[] = {{"pause", pause_role},   {"start", start_role},   {"run", run_role},     {"exec", exec_role},       {"enter", enter_role},
             {"attach", attach_role}, {"dial", dial_role},     {"probe", probe_role}, {"measure", measure_role}, {"standin", standin_role}};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof roles / sizeof *roles; i++)
    if (strcmp(argv[1], roles[i].name) == 0) return roles[i].run(argv + 2);
  fail("Cannot find out what to do: the first argument is %s, known are pause, start, run, exec, enter, attach, dial, probe, measure and standin",
       argc > 1 ? argv[1] : "missing");
}
