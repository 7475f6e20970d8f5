export default class NotificationPhoton extends Photon {
  async run(params) {
    const result = await processData(params);

    // Emit event for other Photons
    await this.emit({
      type: 'data_processed',
      data: { count: result.length, timestamp: new Date() }
    });

    return result;
  }
}

// The seed leaves this to its reader.
async function processData(params: { items?: string[] }) {
  return (params.items ?? []).map((item) => item.toUpperCase());
}
