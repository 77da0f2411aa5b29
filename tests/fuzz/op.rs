//! The steps of a program. Numbers pick among what is there, so that each step makes sense wherever it stands.

use anyorm_tests::random::Random;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    AddAccount {
        key: u8,
    },
    SetBalance {
        account: u8,
        balance: u8,
    },
    SetKey {
        account: u8,
        key: u8,
    },
    DeleteAccount {
        account: u8,
    },
    AddUser {
        email: u8,
    },
    SetEmail {
        user: u8,
        email: u8,
    },
    SetAge {
        user: u8,
        age: u8,
    },
    DeleteUser {
        user: u8,
    },
    AddPost {
        author: u8,
    },
    SetTitle {
        post: u8,
        title: u8,
    },
    SetAuthor {
        post: u8,
        author: u8,
    },
    PushPost {
        author: u8,
        post: u8,
    },
    LinkPost {
        author: u8,
        post: u8,
        by_user: bool,
    },
    DeletePost {
        post: u8,
    },
    AddTag {
        name: u8,
    },
    DeleteTag {
        tag: u8,
    },
    Tag {
        post: u8,
        tag: u8,
        by_tag: bool,
    },
    Untag {
        post: u8,
        tag: u8,
        by_tag: bool,
    },
    LinkTag {
        post: u8,
        tag: u8,
        by_tag: bool,
    },
    UnlinkTag {
        post: u8,
        tag: u8,
        by_tag: bool,
    },
    AddNode {
        parent: u8,
    },
    SetParent {
        node: u8,
        parent: u8,
    },
    PushNode {
        node: u8,
        parent: u8,
    },
    TakeNode {
        node: u8,
    },
    LinkNode {
        node: u8,
        parent: u8,
        by_parent: bool,
    },
    UnlinkNode {
        node: u8,
        by_parent: bool,
    },
    DeleteNode {
        node: u8,
    },
    AddCountry {
        code: u8,
    },
    SetCode {
        country: u8,
        code: u8,
    },
    DeleteCountry {
        country: u8,
    },
    AddCity {
        country: u8,
        other: u8,
        link: u8,
    },
    SetCity {
        city: u8,
        country: u8,
        link: u8,
    },
    PushCity {
        city: u8,
        country: u8,
        twin: bool,
    },
    TakeTwin {
        city: u8,
    },
    LinkCity {
        city: u8,
        country: u8,
        link: u8,
    },
    UnlinkTwin {
        city: u8,
        by_country: bool,
    },
    DeleteCity {
        city: u8,
    },
    /// From here on, changes are asked for after each step.
    Ask,
    /// From here on, the session has hooks at all moments, which do nothing.
    Listen,
    Refresh {
        kind: u8,
        n: u8,
    },
    Load {
        kind: u8,
        autoflush: bool,
    },
    Detach {
        kind: u8,
        n: u8,
    },
    Clear,
    MergeUser {
        user: u8,
        email: u8,
        posts: u8,
    },
    MergePost {
        post: u8,
        author: u8,
        version: u8,
    },
    MergeNode {
        node: u8,
    },
    MergeTags {
        post: u8,
        tag: u8,
    },
    Count,
    Flush,
    DropFlush {
        polls: u8,
    },
    Commit,
    DropCommit {
        polls: u8,
    },
    Rollback,
    BeginNested,
    Release,
    RollBackNested,
    DropNested {
        polls: u8,
    },
    NewSession {
        with: bool,
    },
}

impl Op {
    pub(crate) fn random(random: &mut Random) -> Self {
        let [a, b, c] = std::array::from_fn(|_| random.below(6) as u8);
        let flag = random.below(2) == 0;
        match random.below(76) {
            0 => Self::AddAccount { key: a },
            1 => Self::SetBalance { account: a, balance: b },
            2 => Self::SetKey { account: a, key: b },
            3 => Self::DeleteAccount { account: a },
            4 | 5 => Self::AddUser { email: a },
            6 => Self::SetEmail { user: a, email: b },
            7 => Self::SetAge { user: a, age: b },
            8 => Self::DeleteUser { user: a },
            9 | 10 => Self::AddPost { author: a },
            11 => Self::SetTitle { post: a, title: b },
            12 => Self::SetAuthor { post: a, author: b },
            13 => Self::PushPost { author: a, post: b },
            14 => Self::LinkPost { author: a, post: b, by_user: flag },
            15 => Self::DeletePost { post: a },
            16 => Self::AddTag { name: a },
            17 => Self::DeleteTag { tag: a },
            18 => Self::Tag { post: a, tag: b, by_tag: flag },
            19 => Self::Untag { post: a, tag: b, by_tag: flag },
            20 => Self::LinkTag { post: a, tag: b, by_tag: flag },
            21 => Self::UnlinkTag { post: a, tag: b, by_tag: flag },
            22 | 23 => Self::AddNode { parent: a },
            24 => Self::SetParent { node: a, parent: b },
            25 => Self::PushNode { node: a, parent: b },
            26 => Self::TakeNode { node: a },
            27 => Self::LinkNode { node: a, parent: b, by_parent: flag },
            28 => Self::UnlinkNode { node: a, by_parent: flag },
            29 => Self::DeleteNode { node: a },
            30 | 31 => Self::AddCountry { code: a },
            32 => Self::SetCode { country: a, code: b },
            33 => Self::DeleteCountry { country: a },
            34 | 35 => Self::AddCity { country: a, other: b, link: c },
            36 => Self::SetCity { city: a, country: b, link: c },
            37 => Self::PushCity { city: a, country: b, twin: flag },
            38 => Self::TakeTwin { city: a },
            39 => Self::LinkCity { city: a, country: b, link: c },
            40 => Self::UnlinkTwin { city: a, by_country: flag },
            41 => Self::DeleteCity { city: a },
            42 => Self::Ask,
            43 | 44 => Self::Refresh { kind: a, n: b },
            45 | 46 => Self::Load { kind: a, autoflush: flag },
            47 => Self::Detach { kind: a, n: b },
            48 => Self::Clear,
            49 => Self::MergeUser { user: a, email: b, posts: c },
            50 => Self::MergePost { post: a, author: b, version: c },
            51 => Self::MergeNode { node: a },
            52 => Self::MergeTags { post: a, tag: b },
            53 => Self::Count,
            54..=57 => Self::Flush,
            58 | 59 => Self::DropFlush { polls: a },
            60..=62 => Self::Commit,
            63 => Self::DropCommit { polls: a },
            64 | 65 => Self::Rollback,
            66..=68 => Self::BeginNested,
            69 => Self::Release,
            70 => Self::RollBackNested,
            71 => Self::DropNested { polls: a },
            72 | 73 => Self::Listen,
            _ => Self::NewSession { with: flag },
        }
    }
}
