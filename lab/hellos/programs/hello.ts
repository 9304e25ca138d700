// One handshake of a runtime with fetch (Deno, Bun): HOST PORT.
const [host, port] = (globalThis as any).Deno ? (globalThis as any).Deno.args : (globalThis as any).process.argv.slice(2);
fetch(`https://${host}:${port}/`).catch((error: unknown) => console.error(error));
