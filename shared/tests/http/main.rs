//! The runtime from outside: a function made here, served without a socket and with one.

mod answers;
mod connections;
mod function;
mod shutdown;
