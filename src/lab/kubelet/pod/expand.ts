// References to variables in commands, arguments and values: `$(NAME)`; `$$(NAME)` stands for itself.

/** An unknown name stays as it is (Kubernetes API reference, Container.command). */
export function expand(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$(\$|\(([^()\s]*)\))/g, (whole, sign: string, name: string | undefined) =>
    sign === "$" ? "$" : (variables.get(name ?? "") ?? whole),
  );
}
