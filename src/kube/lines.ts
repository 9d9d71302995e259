// A stream of bytes as lines of text: how watches and logs are framed.

/** A line longer than this is an attack or a fault: the largest object of the API has 1.5 MB, and JSON may double it. */
const maxLineBytes = 8 << 20;

/** The lines of a stream, without their ends; a last line without an end counts. Empty lines are left out. */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // A large object comes in many chunks: they are joined once, when its line ends.
  let parts: string[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = parts.join("") + text.slice(start, end);
      parts = [];
      size = 0;
      start = end + 1;
      if (line !== "") yield line;
    }
    if (start < text.length) {
      parts.push(text.slice(start));
      size += text.length - start;
      if (size > maxLineBytes) throw new Error(`Cannot read a line of over ${maxLineBytes} bytes from the API server`);
    }
  }
  const rest = parts.join("") + decoder.decode();
  if (rest !== "") yield rest;
}
