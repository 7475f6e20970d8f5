export function heading(title: string, level: number): string {
  return `${"#".repeat(level)} ${title}`;
}
