import quicksave from 'quicksave';
export default async () => {
  const waiting = quicksave.signal('go');
  const place = await quicksave.checkpoint('here', { x: 1 });
  quicksave.emit('status', 'working', { percent: 5 });
  return [await waiting, place];
};
