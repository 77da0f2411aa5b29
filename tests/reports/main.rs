//! Reports that a music shop would want, each written with the builder alone and by hand, equal row for row.
//!
//! Chinook, a database that was there before, is looked for at `CHINOOK`, then in `../shared/data`. Where it is not, the
//! reports are skipped.

mod artists;
mod customers;
mod employees;
mod entities;
mod playlists;
mod revenue;
mod shop;
mod tracks;
