//! The tables, and how every connection is set.

/// One schema for all: what each peer would make differs only in words.
pub const SCHEMA: &str = "
CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    age INTEGER,
    score REAL NOT NULL
);
CREATE TABLE parents (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    age INTEGER
);
CREATE TABLE children (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER NOT NULL REFERENCES parents (id),
    title TEXT NOT NULL,
    pages INTEGER NOT NULL
);
CREATE INDEX children_by_parent ON children (parent_id);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    balance INTEGER NOT NULL
);
CREATE TABLE audits (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    amount INTEGER NOT NULL
);
CREATE TABLE tops (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE lefts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    top_id INTEGER NOT NULL REFERENCES tops (id)
);
CREATE TABLE rights (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    top_id INTEGER NOT NULL REFERENCES tops (id)
);
CREATE TABLE bottoms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    left_id INTEGER NOT NULL REFERENCES lefts (id),
    right_id INTEGER NOT NULL REFERENCES rights (id)
);
";

/// For each connection. What is not named stays as SQLite has it.
pub const PRAGMAS: &str = "
PRAGMA busy_timeout = 5000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA foreign_keys = ON;
";
