export default async () => {
  const controller = new AbortController();
  const waiting = fetch('http://host.test/never', { signal: controller.signal });
  controller.abort();
  return waiting.catch((error) => error.name);
};
