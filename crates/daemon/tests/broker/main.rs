//! The broker over its real socket.

mod events;
mod hostile;
mod locks;
mod rig;
mod speed;
