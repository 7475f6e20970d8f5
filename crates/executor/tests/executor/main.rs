//! What driving a run must hold, on a scripted guest.

mod machine;
mod paths;
mod resting;
mod rig;
mod torture;
