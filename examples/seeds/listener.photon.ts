export default class ListenerPhoton extends Photon {
  /**
   * @notify-on data_processed
   */
  async onNotification(eventType, payload) {
    if (eventType === 'data_processed') {
      console.log(`Data processing complete: ${payload.count} items`);
      // React to event
    }
  }
}
