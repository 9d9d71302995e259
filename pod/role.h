// The roles of the executable: each takes the arguments after its name and returns the exit code.
#pragma once

int pause_role(char **args);
int start_role(char **args);
int run_role(char **args);
int enter_role(char **args);
int exec_role(char **args);
int attach_role(char **args);
int dial_role(char **args);
int probe_role(char **args);
int measure_role(char **args);
int standin_role(char **args);
