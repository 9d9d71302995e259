// `twill config`: reads an agent's configuration without starting one.

import { configSchema, defaultConfig, readConfig } from "#agent/config/config.ts";
import { ConfigError } from "#agent/config/field.ts";
import { formatYaml } from "#base/yaml.ts";
import type { CommandIo } from "#cli/command.ts";

/** Prints what would be in force; exit code 1 and a sentence when the file cannot be used. */
export function configCheck({ args }: { readonly args: { readonly file: string } }, io: CommandIo): Promise<number> {
  try {
    io.stdout(formatYaml(readConfig(args.file)));
    return Promise.resolve(0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    io.stderr(`${error.message}\n`);
    return Promise.resolve(1);
  }
}

export function configShow(_call: object, io: CommandIo): Promise<number> {
  io.stdout(formatYaml(defaultConfig));
  return Promise.resolve(0);
}

export function printSchema(_call: object, io: CommandIo): Promise<number> {
  io.stdout(`${JSON.stringify(configSchema(), undefined, 2)}\n`);
  return Promise.resolve(0);
}
