//! What the promises are worth when the machine does its worst.
//!
//! Every test here drives the real program from outside: its process, its sockets, its files. It is killed, its disk fills up or
//! loses power, its system calls fail, its clock jumps, strangers crowd its door. Two things are then compared: the ledger of what was
//! acknowledged, which the clients write, and what is in the store or reached a handler afterwards.
//!
//! **A check that cannot fail proves nothing.** So each of these has a control beside it, whose name begins with `control_`: the same
//! harness on a program that breaks its word (`sabotaged.rs`), or on an input that must be noticed. There the loss *must* be seen.
//!
//! Most need root, for loop mounts and small file systems. Without it they fail; they never pass for want of rights.

#![cfg(test)]

mod canaries;
mod clock;
mod crash;
mod crowd;
mod disk_full;
mod duplicates;
mod failing_calls;
mod image;
mod isolation;
mod large_bodies;
mod power_loss;
mod recovery;
mod rotation;
mod stop;
mod strangers;
mod support;
mod sync_order;
mod unread_log;
mod vanished;
