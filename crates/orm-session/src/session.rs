//! What a program talks to.

mod connection;
mod criteria;
mod cursor;
mod events;
mod filters;
mod flush;
mod flush_watch;
mod index;
mod left;
mod link;
mod load_all;
mod lock;
mod merge;
mod nested;
mod others;
mod query;
mod repeated;
mod scoped;
mod set;
mod transaction;

use std::fmt;
use std::sync::Arc;

use orm_core::entity::{Entity, EntityMeta, RelationKind, VersionKind};
use orm_core::handle::RawHandle;
use orm_core::relation::{Link, LinkMut, OneState};
use orm_core::{Begin, Error, Handle, Result, Setting};
use orm_exec::Engine;

use crate::session_factory::{DEFAULT, Options};
use crate::state::State;
use crate::tracker::{Place, Tracker, collections_of};
use crate::unit_of_work::{Changes, plan};
use connection::Scope;
pub use cursor::{Cursor, Entities};
use events::Events;
use flush::InFlight;
pub use load_all::TrackedBatch;
pub use nested::Nested;
use nested::Nesting;
use repeated::Repeats;
pub use scoped::WithoutAutoflush;

/// A unit of work: the entities a program reads and changes, and the transaction that stores the changes.
///
/// - `add`, `delete` and writing through `session[handle]` only change memory. [`flush`](Session::flush) works out the
///   smallest right set of statements and sends them in one hop; [`commit`](Session::commit) flushes and commits, in
///   one hop if nothing was flushed before.
/// - It is an identity map: one row is one handle, and a read never overwrites a change.
/// - It holds no connection between calls, unless a transaction is open: after `begin`, `flush`, or an autoflush,
///   until `commit` or `rollback`.
/// - Dropping it rolls an open transaction back.
///
/// A session is `Send` and belongs to one task at a time: its calls take `&mut self`.
///
/// # Dropped futures
/// Each call may be dropped at any point. A read leaves nothing behind. A flush or commit that was sent runs on; the
/// session's next call waits for its outcome and takes it over, so that memory and database agree.
///
/// # Example
/// This one and those below are about a blog: a `User` has `posts`, a `Post` an `author` and `tags`. Stored are Ada and
/// Grace, the posts Notes and Letters, both by Ada, and the tags math and poetry, with the keys 1 and 2 each.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// let mut session = engine.session();
/// let ada = session.get_one::<User>(1).await?;
/// session[ada].name.push_str(" Lovelace");
/// let sketch = session.add(Post { title: "Sketch".into(), author: ada.into(), ..Default::default() });
/// session.commit().await?; // one hop: BEGIN, an INSERT, an UPDATE of one column, COMMIT
///
/// assert_eq!(session[sketch].id, 3); // the database gave it
/// assert_eq!(session.get_one::<User>(1).await?, ada); // the same row is the same handle; no SQL
/// # Ok(()) });
/// ```
pub struct Session {
    engine: Engine,
    tracker: Tracker,
    scope: Scope,
    nesting: Nesting,
    status: Status,
    in_flight: Option<InFlight>,
    autoflush: bool,
    /// How the open transaction began, or the next one will.
    begin: Begin,
    /// What is set for the transaction that is open or begun, besides what is set for each.
    settings: Vec<Setting>,
    /// What the factory of the session says; `None` for a session of an engine.
    options: Option<Arc<Options>>,
    /// The slots of a merge that is under way, or whose future was dropped.
    guests: Vec<(Place, RawHandle)>,
    /// The error of the last statement, if it failed: it decides whether a transaction is tried again.
    last_failure: Option<Error>,
    /// Whether hooks ran after a commit: a transaction is not tried again then.
    committed: bool,
    events: Events,
    /// Looks for statements in loops, if that is asked for.
    repeats: Option<Box<Repeats>>,
}

/// Whether the session takes calls.
enum Status {
    Active,
    /// A flush failed: the first error, quoted until `rollback` or `recover`.
    Inactive(Arc<Error>),
}

impl Session {
    /// A session on an engine. Does no I/O.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = Session::new(engine); // as `engine.session()`, and it has the engine
    /// assert!(session.get::<User>(1).await?.is_some());
    /// # Ok(()) });
    /// ```
    pub fn new(engine: Engine) -> Self {
        Self::with_options(engine, None)
    }

    pub(crate) fn with_options(engine: Engine, options: Option<Arc<Options>>) -> Self {
        let given = options.as_deref().unwrap_or(&DEFAULT);
        let (autoflush, begin) = (given.autoflush, given.begin);
        let look = given.n_plus_one.as_ref().or(engine.telemetry().n_plus_one());
        let repeats = look.map(|look| Box::new(Repeats::new(look.clone())));
        let mut session = Self {
            engine,
            tracker: Tracker::new(),
            scope: Scope::None,
            nesting: Nesting::default(),
            status: Status::Active,
            in_flight: None,
            autoflush,
            begin,
            settings: Vec::new(),
            options: options.clone(),
            guests: Vec::new(),
            last_failure: None,
            committed: false,
            events: Events::default(),
            repeats,
        };
        if let Some(options) = &options {
            session.attach(&options.listeners);
        }
        session
    }

    /// The engine it works on.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let session = engine.session();
    /// let elsewhere = session.engine().session(); // on the same database
    /// assert!(!elsewhere.in_transaction());
    /// # Ok(()) });
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether reads flush pending changes of the tables that they read. On by default.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// session.set_autoflush(false);
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(session.count(Tag::select()).await?, 2); // what is stored
    /// session.set_autoflush(true);
    /// assert_eq!(session.count(Tag::select()).await?, 3); // flushed before
    /// # Ok(()) });
    /// ```
    pub fn set_autoflush(&mut self, autoflush: bool) {
        self.autoflush = autoflush;
    }

    /// Adds a new entity, and the new values inside its relation fields. It becomes a row with the next flush, always
    /// by an INSERT. Does no I/O.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let mary = session.add(User {
    ///     name: "Mary".into(),
    ///     posts: vec![Post { title: "On engines".into(), ..Default::default() }].into(),
    ///     ..Default::default()
    /// });
    /// assert_eq!(session[mary].id, 0); // not yet
    /// session.commit().await?;
    /// assert_eq!(session[mary].id, 3);
    /// let post = session[mary].posts.iter().next().copied().expect("it was taken in with its author");
    /// assert_eq!(session[post].author.key(), Some(&3));
    /// # Ok(()) });
    /// ```
    pub fn add<E: Entity>(&mut self, value: E) -> Handle<E> {
        let slot = self.tracker.add(value);
        self.handle_of(slot)
    }

    /// Adds several new entities of one type, in order.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let tags = session.add_all(["engines", "looms"].map(|name| Tag { name: name.into(), ..Default::default() }));
    /// session.commit().await?;
    /// assert_eq!(session[tags[0]].id, 3);
    /// assert_eq!(session[tags[1]].name, "looms");
    /// # Ok(()) });
    /// ```
    pub fn add_all<E: Entity>(&mut self, values: impl IntoIterator<Item = E>) -> Vec<Handle<E>> {
        self.tracker.add_all(values.into_iter())
    }

    /// Marks an entity as deleted: the next flush deletes its row. It stays readable until the commit; a rollback revives
    /// the same handle. An entity that was never flushed just goes. Does no I/O.
    ///
    /// # Panics
    /// If the handle is stale or of another session.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let letters = session.get_one::<Post>(2).await?;
    /// session.delete(letters);
    /// assert_eq!(session[letters].title, "Letters"); // still readable
    /// assert_eq!(session.get::<Post>(2).await?, None);
    /// session.commit().await?;
    /// assert!(session.peek(letters).is_none()); // the handle is stale
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn delete<E: Entity>(&mut self, handle: Handle<E>) {
        let place = self.place(handle);
        self.tracker.delete(place, self.nesting.depth());
    }

    /// What the next flush will do, in order. New values are taken in and the two sides of relations are brought
    /// together, as a flush does; nothing is sent.
    ///
    /// # Errors
    /// What a flush would refuse before it sends anything.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(37);
    /// session.add(Tag { name: "engines".into(), ..Default::default() });
    /// assert_eq!(session.changes()?.to_string(), "insert Tag (new): name\nupdate User 1: age");
    /// # Ok(()) });
    /// ```
    pub fn changes(&mut self) -> Result<Changes> {
        let plan = plan(&mut self.tracker, self.engine.dialect(), VersionKind::now(), true)?;
        Ok(Changes::of(&plan, &self.tracker))
    }

    /// Whether a flush would write anything: a difference to the database exists. Assigning an equal value makes none.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(36); // what it was
    /// assert!(!session.is_dirty());
    /// session[ada].age = Some(37);
    /// assert!(session.is_dirty());
    /// # Ok(()) });
    /// ```
    pub fn is_dirty(&mut self) -> bool {
        // What a plan refuses is a difference too.
        self.tracker.is_touched()
            && plan(&mut self.tracker, self.engine.dialect(), VersionKind::now(), true)
                .map_or(true, |plan| !plan.is_empty())
    }

    /// Takes an entity out of the session, as a plain value: links hold keys, pending changes are never written (flush
    /// first to keep them). The handle is stale from then on.
    ///
    /// # Panics
    /// If the handle is stale or of another session, the entity is deleted, or a flush is unresolved (its future was
    /// dropped): any awaited call resolves it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let notes = session.first(Post::select().order_by(Post::ID).with(Post::AUTHOR)).await?.expect("there is one");
    /// assert!(session[notes].author.handle().is_some());
    ///
    /// let post = session.detach(notes);
    /// assert_eq!(post.title, "Notes");
    /// assert_eq!(post.author.key(), Some(&1)); // a key, good outside of the session
    /// assert!(session.peek(notes).is_none());
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn detach<E: Entity>(&mut self, handle: Handle<E>) -> E {
        self.refuse_unresolved("detach");
        let place = self.place(handle);
        assert!(
            self.tracker.state(place).is_live(),
            "{} is deleted: it cannot be detached",
            self.tracker.describe(place)
        );
        let mut value = self[handle].clone();
        for relation in E::meta().relations {
            if let LinkMut::One(link) = value.link_mut(relation.position)
                && let OneState::Handle(target, cached) = link.state()
            {
                let is_known = cached.is_some();
                let key = self.tracker.place(target, (relation.target)()).ok();
                let key = key.and_then(|target| self.tracker.arena(target.arena).key(target.slot));
                match key {
                    Some(key) => link.set_key(&*key),
                    None if is_known => link.forget_handle(),
                    None => link.set_empty(),
                }
            }
        }
        self.leave_collections(place);
        self.tracker.leave_key(place);
        self.tracker.forget(place);
        value
    }

    /// Forgets everything: every handle is stale, pending changes are never written. An open transaction stays open.
    ///
    /// # Panics
    /// If a flush is unresolved (its future was dropped): any awaited call resolves it.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut session = engine.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].name = "Nobody".into();
    /// session.clear();
    /// assert!(session.peek(ada).is_none());
    /// session.commit().await?; // nothing to write
    /// let ada = session.get_one::<User>(1).await?;
    /// assert_eq!(session[ada].name, "Ada");
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn clear(&mut self) {
        self.refuse_unresolved("clear");
        self.tracker.forget_all();
    }

    #[track_caller]
    fn refuse_unresolved(&self, what: &str) {
        assert!(
            self.in_flight.is_none(),
            "a flush of this session is unresolved because its future was dropped: await any call of the session \
             before you {what}"
        );
    }

    /// An entity that leaves the session leaves the loaded collections that it is in.
    fn leave_collections(&mut self, place: Place) {
        let handle = self.tracker.handle(place);
        let meta = self.tracker.arena(place.arena).meta();
        let holders: Vec<(Place, usize)> =
            self.parents_of(place).chain(self.possible_holders(meta)).collect();
        for (holder, position) in holders {
            let arena = self.tracker.arena_mut(holder.arena);
            let Link::Many(link) = arena.link(holder.slot, position) else { continue };
            if !link.contains(handle) {
                continue;
            }
            if let LinkMut::Many(link) = arena.link_mut(holder.slot, position) {
                link.edit(&[], &[handle]);
            }
            if let Some(LinkMut::Many(link)) = arena.image_link_mut(holder.slot, position) {
                link.edit(&[], &[handle]);
            }
        }
    }

    /// The collections that an entity's own links lead to, as they are and as they were.
    fn parents_of(&self, place: Place) -> impl Iterator<Item = (Place, usize)> + use<'_> {
        let arena = self.tracker.arena(place.arena);
        arena.meta().relations.iter().flat_map(move |relation| {
            let links = [
                Some(arena.link(place.slot, relation.position)),
                arena.image_link(place.slot, relation.position),
            ];
            let parents =
                links.into_iter().flatten().filter_map(|link| self.tracker.target_of(&link, relation));
            parents.flat_map(|parent| collections_of(relation).map(move |collection| (parent, collection)))
        })
    }

    /// The collections that an entity may have been put into, though nothing leads there from it: those that were
    /// written, and those of pairs.
    fn possible_holders(&self, meta: &'static EntityMeta) -> impl Iterator<Item = (Place, usize)> + use<'_> {
        self.tracker.arenas().flat_map(move |(index, arena)| {
            let collections = arena.meta().relations.iter().filter(move |relation| {
                (relation.target)().is(meta) && !matches!(relation.kind, RelationKind::BelongsTo { .. })
            });
            collections.flat_map(move |relation| {
                let slots = match relation.kind {
                    RelationKind::ManyToMany { .. } => {
                        (0..arena.len() as u32).filter(|&slot| arena.state(slot) != State::Vacant).collect()
                    }
                    _ => arena.dirty_slots(),
                };
                slots.into_iter().map(move |slot| (Place { arena: index, slot }, relation.position))
            })
        })
    }

    pub(crate) fn tracker(&mut self) -> &mut Tracker {
        &mut self.tracker
    }

    pub(crate) fn id(&self) -> std::num::NonZeroU32 {
        self.tracker.session()
    }

    pub(crate) fn options(&self) -> &Options {
        self.options.as_deref().unwrap_or(&DEFAULT)
    }

    /// Whether hooks ran after a commit. Where one of them failed, the commit answers its error, and stands.
    pub(crate) fn has_committed(&self) -> bool {
        self.committed
    }

    pub(crate) fn last_failure(&self) -> Option<&Error> {
        self.last_failure.as_ref()
    }

    pub(crate) fn handle_of<E: Entity>(&self, slot: u32) -> Handle<E> {
        let arena = E::meta().index.get() as u32;
        Handle::from_raw(self.tracker.handle(Place { arena, slot }))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.tracker.session())
            .field("pending", &self.tracker.pending().len())
            .field("in_transaction", &!matches!(self.scope, Scope::None))
            .field("active", &matches!(self.status, Status::Active))
            .finish_non_exhaustive()
    }
}
