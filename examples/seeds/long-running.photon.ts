import { maybeStatefulExecute } from '@portel/photon-core';
export default class LongRunningPhoton extends Photon {
async *run(params) {
// Yield checkpoint after side effects
yield { checkpoint: { step: 1 } };
const data = await fetch('https://api.example.com/large-data');
// Checkpoint before returning (enables resume)
yield { checkpoint: { step: 2, data } };
return { status: 'completed', data };
}
}
