// What a command of `twill` is: data from which parsing, help and completion follow, and a module that is loaded when it runs.

/** What a command may use of the process that it runs in. */
export type CommandIo = {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: ReadonlyMap<string, string>;
};

/** What a shell offers in the place of a value; `service`: names that the agent of the node knows. */
export type Completion = "file" | "folder" | "command" | "service";

type Value = {
  readonly about: string;
  /** The only values that there are. */
  readonly words?: readonly string[];
  readonly complete?: Completion;
  /** Reads one value. @throws UsageError saying what it must be */
  readonly parse?: (text: string) => unknown;
};

/** An argument by its place. All that follow an optional one are optional; a repeated one is the last. */
export type Argument = Value & { readonly optional?: true; readonly repeated?: true };

/** A flag; without the name of a value, like `PATH`, it is a switch. */
export type Flag = Value & {
  readonly value?: string;
  readonly short?: string;
  readonly repeated?: true;
  /** The variable that says it when the flag does not. */
  readonly env?: string;
  readonly default?: string;
};

export type Flags = Readonly<Record<string, Flag>>;
export type Arguments = Readonly<Record<string, Argument>>;

/** Commands by name, in the order in which help lists them. */
export type Commands = Readonly<Record<string, Command>>;

/** A name that only leads to further commands. */
export type Group = { readonly summary: string; readonly about?: string; readonly commands: Commands };

/** A command that does something. */
export type Leaf = {
  readonly summary: string;
  readonly about?: string;
  readonly args: Arguments;
  readonly flags: Flags;
  /** Variables that it reads beside those of its flags. */
  readonly environment: Readonly<Record<string, string>>;
  /** Started by Twill itself: help and completion leave it out. */
  readonly hidden?: true;
  readonly load: () => Promise<(given: GivenWords, io: CommandIo) => Promise<number>>;
};

export type Command = Group | Leaf;

/** What the caller wrote, read by the command's own declaration. */
export type GivenWords = {
  readonly args: Readonly<Record<string, unknown>>;
  readonly flags: Readonly<Record<string, unknown>>;
};

/** A call that does not fit the command; the message completes the sentence "twill cni add: …". */
export class UsageError extends Error {
  readonly code = "USAGE";
}

/** What is asked about cannot be read: there is no answer, and the exit code must not look like one. */
export class UnansweredError extends Error {
  readonly code = "UNANSWERED";
}

type ValueOf<V> = V extends { readonly parse: (text: string) => infer T }
  ? T
  : V extends { readonly words: readonly (infer Word)[] }
    ? Word
    : string;

type FlagGiven<F> = F extends { readonly value: string }
  ? F extends { readonly repeated: true }
    ? readonly ValueOf<F>[]
    : F extends { readonly default: string }
      ? ValueOf<F>
      : ValueOf<F> | undefined
  : boolean;

type ArgumentGiven<A> = A extends { readonly repeated: true }
  ? readonly ValueOf<A>[]
  : A extends { readonly optional: true }
    ? ValueOf<A> | undefined
    : ValueOf<A>;

/** The words of a call, typed by the declarations of a command's arguments and flags. */
export type Given<A, F> = {
  readonly args: { readonly [N in keyof A]: ArgumentGiven<A[N]> };
  readonly flags: { readonly [N in keyof F]: FlagGiven<F[N]> };
};

type LeafSpec<A, F> = {
  readonly summary: string;
  /** What help says below the summary. */
  readonly about?: string;
  readonly args?: A;
  readonly flags?: F;
  readonly environment?: Readonly<Record<string, string>>;
  readonly hidden?: true;
  /** Imports the module that does the work. What it takes is checked against `args` and `flags`; it returns the exit code. */
  readonly load: () => Promise<(given: Given<A, F>, io: CommandIo) => Promise<number>>;
};

/** Declares a command that does something. */
export function leaf<const A extends Arguments = Record<never, never>, const F extends Flags = Record<never, never>>(
  spec: LeafSpec<A, F>,
): Leaf {
  const { args, flags, environment = {}, load, ...rest } = spec;
  // `parseGiven` makes exactly what `Given` says of these declarations.
  return { ...rest, args: args ?? {}, flags: flags ?? {}, environment, load: load as unknown as Leaf["load"] };
}

/** The commands of a group that people are told about. */
export function shownCommands({ commands }: Group): readonly (readonly [name: string, command: Command])[] {
  return Object.entries(commands).filter(([, command]) => isGroup(command) || command.hidden !== true);
}

export function isGroup(command: Command): command is Group {
  return "commands" in command;
}

/** The flag of every command whose answer is for programs as well as for people. */
export const outputFlag = {
  output: {
    short: "o",
    value: "FORMAT",
    words: ["text", "json"],
    default: "text",
    about: "what to print: text for people, or json for programs",
  },
} as const satisfies Flags;

/** What `outputFlag` reads. */
export type OutputFormat = "text" | "json";
