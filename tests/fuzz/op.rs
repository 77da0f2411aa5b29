//! The steps of a program. Numbers pick among what is there, so that each step makes sense wherever it stands.

use anyorm_tests::random::Random;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    AddAccount { key: u8 },
    SetBalance { account: u8, balance: u8 },
    SetKey { account: u8, key: u8 },
    DeleteAccount { account: u8 },
    AddUser { email: u8 },
    SetEmail { user: u8, email: u8 },
    SetAge { user: u8, age: u8 },
    DeleteUser { user: u8 },
    AddPost { author: u8 },
    SetTitle { post: u8, title: u8 },
    SetAuthor { post: u8, author: u8 },
    PushPost { author: u8, post: u8 },
    DeletePost { post: u8 },
    AddTag { name: u8 },
    DeleteTag { tag: u8 },
    Tag { post: u8, tag: u8, by_tag: bool },
    Untag { post: u8, tag: u8, by_tag: bool },
    AddNode { parent: u8 },
    SetParent { node: u8, parent: u8 },
    DeleteNode { node: u8 },
    Refresh { account: u8 },
    Count,
    Flush,
    DropFlush { polls: u8 },
    Commit,
    DropCommit { polls: u8 },
    Rollback,
    BeginNested,
    Release,
    RollBackNested,
    NewSession { with: bool },
}

impl Op {
    pub(crate) fn random(random: &mut Random) -> Self {
        let (a, b) = (random.below(6) as u8, random.below(6) as u8);
        let flag = a % 2 == 0;
        match random.below(38) {
            0 => Self::AddAccount { key: a },
            1 | 2 => Self::SetBalance { account: a, balance: b },
            3 => Self::SetKey { account: a, key: b },
            4 => Self::DeleteAccount { account: a },
            5 | 6 => Self::AddUser { email: a },
            7 => Self::SetEmail { user: a, email: b },
            8 => Self::SetAge { user: a, age: b },
            9 => Self::DeleteUser { user: a },
            10 | 11 => Self::AddPost { author: a },
            12 => Self::SetTitle { post: a, title: b },
            13 => Self::SetAuthor { post: a, author: b },
            14 => Self::PushPost { author: a, post: b },
            15 => Self::DeletePost { post: a },
            16 => Self::AddTag { name: a },
            17 => Self::DeleteTag { tag: a },
            18 | 19 => Self::Tag { post: a, tag: b, by_tag: flag },
            20 => Self::Untag { post: a, tag: b, by_tag: flag },
            21 | 22 => Self::AddNode { parent: a },
            23 => Self::SetParent { node: a, parent: b },
            24 => Self::DeleteNode { node: a },
            25 => Self::Refresh { account: a },
            26 => Self::Count,
            27 | 28 => Self::Flush,
            29 => Self::DropFlush { polls: a },
            30 => Self::Commit,
            31 => Self::DropCommit { polls: a },
            32 => Self::Rollback,
            33 | 34 => Self::BeginNested,
            35 => Self::Release,
            36 => Self::RollBackNested,
            _ => Self::NewSession { with: flag },
        }
    }
}
