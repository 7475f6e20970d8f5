export default () => ({ deep: [{ 'odd key': 5n }] });
