// What `start` and `run` are asked for: their options, parsed.
#define _GNU_SOURCE
#include "spec.h"
#include "fail.h"
#include "namespaces.h"
#include <stddef.h>
#include <string.h>

struct spec spec;

static const struct {
  const char *name;
  const char **value;
} texts[] = {
    {"--cgroup", &spec.cgroup}, {"--monitor-cgroup", &spec.monitor_cgroup}, {"--log", &spec.log},
    {"--status", &spec.status}, {"--hostname", &spec.hostname},             {"--overlay", &spec.overlay},
    {"--root", &spec.root},     {"--cwd", &spec.cwd},                       {"--user", &spec.user},
    {"--attach", &spec.attach},
};

static const struct {
  const char *name;
  int *value;
} switches[] = {{"--detach", &spec.detach}, {"--clear-env", &spec.clear_env}, {"--self", &spec.self}, {"--dev", &spec.dev}, {"--stdin", &spec.stdin_open}, {"--stdin-once", &spec.stdin_once}, {"--tty", &spec.tty}};

static const struct {
  const char *name;
  struct list *list;
  char between;
} lists[] = {{"--enter", &spec.enter, ':'}, {"--keep", &spec.keep, ':'}, {"--sysctl", &spec.sysctl, '='}, {"--env", &spec.env, '='}};

// Cuts "A:B" in two, in place; B is null when there is none.
static char *cut(char *text, char between) {
  char *rest = strchr(text, between);
  if (rest) *rest++ = 0;
  return rest;
}

static void add_pair(struct list *list, const char *option, char *value, char between) {
  if (list->count == MAX_LIST) fail("Cannot take another %s: %d is the most", option, MAX_LIST);
  const char *second = cut(value, between);
  if (!second) fail("Cannot read %s %s: it must hold a \"%c\"", option, value, between);
  list->pairs[list->count++] = (struct pair){value, second};
}

static void add_mount(const char *option, char *value, int bind) {
  if (spec.mount_count == MAX_MOUNTS) fail("Cannot take another %s: %d mounts are the most", option, MAX_MOUNTS);
  char *target = cut(value, ':'), *options = target ? cut(target, ':') : NULL;
  if (!target || *target != '/') fail("Cannot read %s %s: it must go on with a colon and an absolute path", option, value);
  if (bind && options && strcmp(options, "ro") != 0) fail("Cannot read %s %s:%s:%s: only ro may follow", option, value, target, options);
  spec.mounts[spec.mount_count++] = (struct mount_spec){
      .type = bind ? NULL : value, .source = value, .target = target, .options = bind ? NULL : options, .read_only = bind && options};
}

static int take_value(const char *option, char *value) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strcmp(option, texts[i].name) == 0) return *texts[i].value = value, 1;
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    if (strcmp(option, lists[i].name) == 0) return add_pair(lists[i].list, option, value, lists[i].between), 1;
  if (strcmp(option, "--new") == 0) return spec.new_flags |= parse_namespaces(value), 1;
  if (strcmp(option, "--bind") == 0) return add_mount(option, value, 1), 1;
  if (strcmp(option, "--mount") == 0) return add_mount(option, value, 0), 1;
  return 0;
}

static int take_switch(const char *option) {
  for (size_t i = 0; i < sizeof switches / sizeof *switches; i++)
    if (strcmp(option, switches[i].name) == 0) return *switches[i].value = 1;
  return 0;
}

void parse_spec(char **args) {
  for (; *args && strcmp(*args, "--") != 0; args++) {
    if (take_switch(*args)) continue;
    if (!args[1]) fail("Cannot read %s: it is no option, or its value is missing", *args);
    if (!take_value(*args, args[1])) fail("Cannot read %s: there is no such option, see the top of pod/twill-pod.c", *args);
    args++;
  }
  if (!*args || !args[1]) fail("Cannot start anything: \"-- ARGV\" is missing at the end");
  spec.argv = args + 1;
}
