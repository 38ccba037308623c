//! Where something is missing, odd, wrong or a thousand times as much.

mod bounded;
mod bounds;
mod input;
mod privileges;
mod refusals;
mod strangers;
mod supervisors;
mod systems;
