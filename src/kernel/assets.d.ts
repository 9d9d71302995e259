// Files that the executable carries, imported by path.

declare module "*.so" {
  const path: string;
  export default path;
}

declare module "*.bpf.o" {
  const path: string;
  export default path;
}
