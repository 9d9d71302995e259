// Generated schemas that the executable carries, imported by path.

declare module "*.openapi" {
  const path: string;
  export default path;
}
