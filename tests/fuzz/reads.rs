//! Steps that read: refresh, load, detach, clear, merge.

use std::collections::BTreeMap;

use anyorm::prelude::*;
use anyorm::{Error, Result};
use anyorm_tests::{Node, Post, Tag, User};

use crate::edit::{Child, Handles, Side};
use crate::entities::Country;
use crate::op::Op;
use crate::run::Run;
use crate::world::{NodeRow, PostRow, UserRow, World, pick};

/// The keys that the database gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    users: BTreeMap<usize, i64>,
    posts: BTreeMap<usize, i64>,
    tags: BTreeMap<usize, i64>,
    nodes: BTreeMap<usize, i64>,
    cities: BTreeMap<usize, i64>,
}

impl Keys {
    pub(crate) fn learn(&mut self, session: &Session, world: &World, handles: &Handles) {
        macro_rules! learn {
            ($($rows:ident),*) => { $(
                self.$rows.extend(world.$rows.keys().map(|&at| (at, session[handles.$rows[at]].id)));
            )* };
        }
        learn!(users, posts, tags, nodes, cities);
    }
}

impl Run<'_> {
    /// Does a step that reads.
    pub(crate) async fn reads(&mut self, op: Op, session: &mut Session) -> Result<()> {
        match op {
            Op::Refresh { kind, n } => self.refresh(session, kind, n).await,
            Op::Load { kind, autoflush } => self.load(session, kind, autoflush).await,
            Op::Detach { kind, n } => self.detach(session, kind, n).await,
            Op::Clear => self.clear(session).await,
            _ => {
                session.set_autoflush(false);
                let result = match op {
                    Op::MergeUser { user, email, posts } => {
                        self.merge_user(session, user, email, posts).await
                    }
                    Op::MergePost { post, author, version } => {
                        self.merge_post(session, post, author, version).await
                    }
                    Op::MergeNode { node } => self.merge_node(session, node).await,
                    Op::MergeTags { post, tag } => self.merge_tags(session, post, tag).await,
                    _ => None,
                };
                session.set_autoflush(true);
                result.unwrap_or(Ok(()))
            }
        }
    }

    /// Whether only fields were written: what is done to one entity then concerns no other.
    fn is_plain(&self) -> bool {
        self.since.pairs.is_empty() && self.since.sides.values().all(|&side| side == Side::Field)
    }

    async fn refresh(&mut self, session: &mut Session, kind: u8, n: u8) -> Result<()> {
        if !self.is_plain() {
            return Ok(());
        }
        macro_rules! refresh {
            ($rows:ident $(, $child:expr)*) => {{
                let Some(at) = pick(&self.world.$rows, n) else { return Ok(()) };
                let Some(row) = self.flushed.$rows.get(&at) else { return Ok(()) };
                session.refresh(self.handles.$rows[at]).await?;
                self.world.$rows.insert(at, row.clone());
                $( self.since.sides.remove(&$child(at)); )*
            }};
        }
        match kind {
            0 => refresh!(accounts),
            1 => refresh!(users),
            2 => refresh!(posts, Child::Post),
            3 => refresh!(nodes, Child::Node),
            4 => refresh!(countries),
            _ => refresh!(cities, Child::CityOf, Child::Twin),
        }
        self.has_keys = true;
        Ok(())
    }

    async fn load(&mut self, session: &mut Session, kind: u8, autoflush: bool) -> Result<()> {
        session.set_autoflush(autoflush);
        macro_rules! load {
            ($rows:ident, $path:expr) => {{
                let handles: Vec<_> = self.world.$rows.keys().map(|&at| self.handles.$rows[at]).collect();
                session.load(&handles, $path).await
            }};
        }
        let result = match kind {
            0 => load!(users, User::POSTS.then(Post::TAGS)),
            1 => load!(posts, Post::TAGS),
            2 => load!(tags, Tag::POSTS.then(Post::AUTHOR)),
            3 => load!(nodes, Node::CHILDREN),
            4 => load!(countries, Country::CITIES),
            _ => load!(countries, Country::TWINS),
        };
        session.set_autoflush(true);
        result?;
        if autoflush && !session.is_dirty() { self.succeeded(session).await } else { Ok(()) }
    }

    async fn detach(&mut self, session: &mut Session, kind: u8, n: u8) -> Result<()> {
        if !self.is_plain() {
            return Ok(());
        }
        macro_rules! detach {
            ($kind:literal, $rows:ident $(, $child:expr)*) => {{
                let Some(at) = pick(&self.world.$rows, n) else { return Ok(()) };
                let Some(row) = self.flushed.$rows.get(&at) else { return Ok(()) };
                let handle = self.handles.$rows[at];
                session.detach(handle);
                assert!(session.peek(handle).is_none(), "a detached handle is stale");
                self.world.$rows.insert(at, row.clone());
                $( self.since.sides.remove(&$child(at)); )*
                self.escaped.insert(($kind, at));
            }};
        }
        match kind {
            0 => detach!("account", accounts),
            1 => detach!("user", users),
            2 => detach!("post", posts, Child::Post),
            3 => detach!("node", nodes, Child::Node),
            4 => detach!("country", countries),
            _ => detach!("city", cities, Child::CityOf, Child::Twin),
        }
        session.set_autoflush(false);
        let result = self.read_stale(session).await;
        session.set_autoflush(true);
        result
    }

    async fn clear(&mut self, session: &mut Session) -> Result<()> {
        session.clear();
        stale_all(session, &self.handles);
        (self.world, self.since) = (self.flushed.clone(), Default::default());
        self.escaped.clear();
        self.was_cleared = true;
        self.read_stale(session).await
    }

    async fn merge_user(
        &mut self,
        session: &mut Session,
        user: u8,
        email: u8,
        posts: u8,
    ) -> Option<Result<()>> {
        let at = if posts == 5 { None } else { Some(pick(&self.world.users, user)?) };
        if at.is_some_and(|at| !self.flushed.users.contains_key(&at)) {
            return None;
        }
        // A list replaces the others, who may not be without an author.
        let has_posts = |world: &World| world.posts.values().any(|post| Some(post.author) == at);
        let writes = posts % 2 == 1 && !has_posts(&self.world) && !has_posts(&self.flushed);
        let row = UserRow { email: format!("{email}@example.org"), age: None };
        let id = at.map_or(0, |at| self.keys.users[&at]);
        let mut value = User { id, email: row.email.clone(), ..User::default() };
        if writes {
            value.posts = vec![Post { title: "merged".into(), ..Post::default() }].into();
        }
        let handle = match session.merge(value).await {
            Ok(handle) => handle,
            Err(error) => return Some(Err(error)),
        };
        let at = at.unwrap_or_else(|| {
            self.handles.users.push(handle);
            self.handles.users.len() - 1
        });
        assert_eq!(handle, self.handles.users[at], "merged onto the row of the key");
        self.world.users.insert(at, row);
        if writes {
            let post = self.handles.posts.len();
            self.handles.posts.push(session[handle].posts.loaded()?[0]);
            self.world.posts.insert(post, PostRow { title: "merged".into(), author: at, version: 0 });
            self.since.sides.insert(Child::Post(post), Side::Collection);
        }
        Some(Ok(()))
    }

    async fn merge_post(
        &mut self,
        session: &mut Session,
        post: u8,
        author: u8,
        version: u8,
    ) -> Option<Result<()>> {
        let (at, author) = (pick(&self.world.posts, post)?, pick(&self.world.users, author)?);
        let stored = self.flushed.posts.get(&at)?.version;
        let author_id = *self.keys.users.get(&author)?;
        self.flushed.users.get(&author)?;
        let version = match version {
            0 => stored + 1,
            1 | 2 => stored,
            _ => 0,
        };
        let link = BelongsTo::to_key(author_id);
        let value = Post {
            id: self.keys.posts[&at],
            title: "merged".into(),
            author: link,
            version,
            ..Post::default()
        };
        let is_stale = version > stored;
        if !is_stale {
            self.edits(session).take_side(Child::Post(at), Side::Field)?;
        }
        match session.merge(value).await {
            Err(Error::StaleData(_)) if is_stale => return Some(Ok(())),
            Err(error) => return Some(Err(error)),
            Ok(handle) => assert_eq!(handle, self.handles.posts[at], "merged onto the row of the key"),
        }
        assert!(!is_stale, "a version of the future");
        self.has_keys = true;
        let row = self.world.posts.get_mut(&at)?;
        (row.title, row.author) = ("merged".into(), author);
        Some(Ok(()))
    }

    /// A new child instead of those that are there.
    async fn merge_node(&mut self, session: &mut Session, node: u8) -> Option<Result<()>> {
        let at = pick(&self.world.nodes, node)?;
        self.flushed.nodes.get(&at)?;
        let is_known = !self.escaped.iter().any(|(kind, _)| *kind == "node");
        if !is_known || self.since.sides.keys().any(|child| matches!(child, Child::Node(_))) {
            return None;
        }
        let own = &session[self.handles.nodes[at]];
        let value = Node {
            id: own.id,
            name: "merged".into(),
            parent: own.parent.clone(),
            children: vec![Node { name: "child".into(), ..Node::default() }].into(),
        };
        let handle = match session.merge(value).await {
            Ok(handle) => handle,
            Err(error) => return Some(Err(error)),
        };
        for (&child, row) in self.world.nodes.iter_mut().filter(|(_, row)| row.parent == Some(at)) {
            row.parent = None;
            self.since.sides.insert(Child::Node(child), Side::Collection);
        }
        self.world.nodes.get_mut(&at)?.name = "merged".into();
        let child = self.handles.nodes.len();
        self.handles.nodes.push(session[handle].children.loaded()?[0]);
        self.world.nodes.insert(child, NodeRow { name: "child".into(), parent: Some(at) });
        self.since.sides.insert(Child::Node(child), Side::Collection);
        Some(Ok(()))
    }

    /// A new tag instead of those that are there.
    async fn merge_tags(&mut self, session: &mut Session, post: u8, tag: u8) -> Option<Result<()>> {
        let at = pick(&self.world.posts, post)?;
        self.flushed.posts.get(&at)?;
        let is_known = !self.escaped.iter().any(|(kind, _)| *kind == "tag" || *kind == "post");
        if !is_known || self.since.pairs.keys().any(|(post, _)| *post == at) {
            return None;
        }
        let (own, name) = (&session[self.handles.posts[at]], format!("tag {tag}"));
        self.has_keys = true;
        let value = Post {
            id: own.id,
            title: own.title.clone(),
            author: own.author.key().map_or(own.author.clone(), |&key| BelongsTo::to_key(key)),
            tags: vec![Tag { name: name.clone(), ..Tag::default() }].into(),
            version: 0,
        };
        let handle = match session.merge(value).await {
            Ok(handle) => handle,
            Err(error) => return Some(Err(error)),
        };
        for &pair in self.world.pairs.iter().chain(&self.flushed.pairs).filter(|(post, _)| *post == at) {
            self.since.pairs.insert(pair, false);
        }
        self.world.pairs.retain(|(post, _)| *post != at);
        let tag = self.handles.tags.len();
        self.handles.tags.push(session[handle].tags.loaded()?[0]);
        self.world.tags.insert(tag, name);
        self.world.pairs.insert((at, tag));
        self.since.pairs.insert((at, tag), false);
        self.since.tagged.insert((at, tag));
        Some(Ok(()))
    }

    /// Reads what a rollback forgot: that was read inside the transaction.
    pub(crate) async fn read_forgotten(&mut self, session: &mut Session) -> Result<()> {
        macro_rules! check {
            ($($rows:ident),*) => { $(
                for &at in self.world.$rows.keys() {
                    let is_live = session.peek(self.handles.$rows[at]).is_some();
                    let was_late = self.was_cleared || self.late.contains(&(stringify!($rows), at));
                    assert!(is_live || was_late, "{at} of {} is forgotten", stringify!($rows));
                }
            )* };
        }
        check!(accounts, users, posts, tags, nodes, countries, cities);
        self.read_stale(session).await
    }

    /// Reads what the session has no handle of.
    pub(crate) async fn read_stale(&mut self, session: &mut Session) -> Result<()> {
        macro_rules! read {
            ($rows:ident, $key:expr) => {
                let stored: Vec<usize> = self
                    .world
                    .$rows
                    .keys()
                    .filter(|at| self.flushed.$rows.contains_key(at))
                    .copied()
                    .collect();
                for at in stored {
                    if session.peek(self.handles.$rows[at]).is_none() {
                        self.handles.$rows[at] = session.get_one($key(at)).await?;
                        self.late.insert((stringify!($rows), at));
                    }
                }
            };
        }
        read!(accounts, |at| self.flushed.accounts[&at].id);
        read!(users, |at| self.keys.users[&at]);
        read!(posts, |at| self.keys.posts[&at]);
        read!(tags, |at| self.keys.tags[&at]);
        read!(nodes, |at| self.keys.nodes[&at]);
        read!(countries, |at| self.flushed.countries[&at].clone());
        read!(cities, |at| self.keys.cities[&at]);
        Ok(())
    }
}

fn stale_all(session: &Session, handles: &Handles) {
    macro_rules! check {
        ($($rows:ident),*) => { $(
            assert!(handles.$rows.iter().all(|&handle| session.peek(handle).is_none()), "cleared handles are stale");
        )* };
    }
    check!(accounts, users, posts, tags, nodes, countries, cities);
}
