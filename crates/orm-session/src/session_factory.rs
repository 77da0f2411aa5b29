//! Options once, sessions many.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use orm_core::entity::Entity;
use orm_core::stmt::Filters;
use orm_core::{Begin, Condition, Error, Isolation, Result, Setting};
use orm_exec::Engine;
use orm_exec::observe::NPlusOne;

use crate::events::{EntityHooks, Listeners, SessionHooks};
use crate::read_session::ReadSession;
use crate::retry::Retry;
use crate::session::Session;
use crate::transaction::{Tx, run};

/// Makes sessions that are alike: options once, sessions many. Cheap to clone; make one when the program starts, and hand
/// a clone to whatever needs sessions.
///
/// # Example
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{Isolation, Retry};
///
/// let sessions = SessionFactory::new(engine)
///     .autoflush(false)
///     .isolation(Isolation::Serializable)
///     .retry(Retry::times(3));
///
/// let mut session = sessions.session(); // you commit
/// let ada = session.get_one::<User>(1).await?;
/// session[ada].age = Some(37);
/// session.commit().await?;
///
/// let age = sessions
///     .begin(|mut tx| async move {
///         let ada = tx.get_one::<User>(1).await?;
///         Ok(tx[ada].age)
///     }) // commits by itself
///     .await?;
/// assert_eq!(age, Some(37));
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct SessionFactory {
    engine: Engine,
    options: Arc<Options>,
}

/// What a factory gives to its sessions. A session looks here where it is asked for, and has a copy of what it may
/// change.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) autoflush: bool,
    /// How transactions begin.
    pub(crate) begin: Begin,
    /// What is set for each transaction.
    pub(crate) settings: Vec<Setting>,
    /// As the database needs it, where nothing was said.
    pub(crate) retry: Option<Retry>,
    pub(crate) listeners: Listeners,
    /// Conditions that stand in each statement.
    pub(crate) filters: Filters,
    /// Looks for statements in loops, in place of what the engine says.
    pub(crate) n_plus_one: Option<NPlusOne>,
}

/// Those of a session without a factory.
pub(crate) static DEFAULT: Options = Options {
    autoflush: true,
    begin: Begin::new(),
    settings: Vec::new(),
    retry: None,
    listeners: Listeners { sessions: Vec::new(), entities: Vec::new() },
    filters: Filters::new(),
    n_plus_one: None,
};

impl SessionFactory {
    /// A factory on an engine, with the options of `engine.session()`. Does no I/O.
    pub fn new(engine: Engine) -> Self {
        Self { engine, options: Arc::new(DEFAULT.clone()) }
    }

    /// The same options on another engine: another database, or a sandbox in a test.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine).autoflush(false);
    /// let other = Engine::open("sqlite::memory:").await?;
    /// let sessions = sessions.on(&other);
    /// assert!(sessions.session().count(User::select()).await.is_err()); // no tables there
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn on(&self, engine: &Engine) -> Self {
        Self { engine: engine.clone(), options: Arc::clone(&self.options) }
    }

    /// Whether reads flush pending changes of the tables that they read: so it is unless told otherwise. A session may
    /// change it for itself.
    #[must_use]
    pub fn autoflush(self, autoflush: bool) -> Self {
        self.with(|options| options.autoflush = autoflush)
    }

    /// The isolation level of all transactions that do not name another one.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::Isolation;
    ///
    /// // SQLite's transactions are serializable: whatever is asked for, they are that or better.
    /// let sessions = SessionFactory::new(engine).isolation(Isolation::RepeatableRead);
    /// assert_eq!(sessions.begin(|mut tx| async move { tx.count(User::select()).await }).await?, 2);
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn isolation(self, level: Isolation) -> Self {
        self.with(|options| options.begin = options.begin.isolation(level))
    }

    /// Sets something for each transaction, and each read outside of one: `SET LOCAL`, with a bound value, which travels
    /// with BEGIN. Made for tenants whose rows the database keeps apart by row-level security: no statement of the
    /// sessions, raw SQL included, is run without it, and it is gone from the connection before anybody else has that.
    ///
    /// A read outside of a transaction is put into one, in the same trip. Named again, a setting is replaced.
    ///
    /// PostgreSQL only: see [`Session::set_local`].
    ///
    /// # Errors
    /// On a database without such settings, each call of the sessions answers an error that names the alternative, which is
    /// a [`filter`](Self::filter); nothing is sent.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// // CREATE POLICY tenant ON posts USING (tenant = current_setting('app.tenant')::bigint);
    /// let tenant = 42;
    /// let sessions = SessionFactory::new(engine).setting("app.tenant", tenant);
    /// let error = sessions.session().all(Post::select()).await.unwrap_err(); // SQLite has no policies
    /// assert!(error.to_string().contains("SQLite has no settings of a transaction"));
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn setting(self, name: &str, value: impl ToString) -> Self {
        let setting = Setting::new(name, value);
        self.with(|options| {
            options.settings.retain(|before| before.name != setting.name);
            options.settings.push(setting);
        })
    }

    /// Sessions that only read: a flush with anything to write is refused before it is sent, and so is a statement that
    /// writes. Transactions take a connection that only reads, where there are such. Where the compiler can
    /// know it, take a [`read_session`](Self::read_session): it has no method that writes.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine).read_only();
    /// let mut session = sessions.session();
    /// let ada = session.get_one::<User>(1).await?;
    /// session[ada].age = Some(37);
    /// let refused = session.commit().await.unwrap_err();
    /// assert!(refused.to_string().starts_with("nothing was sent: this session only reads"));
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn read_only(self) -> Self {
        self.with(|options| options.begin = options.begin.read_only())
    }

    /// When [`begin`](Self::begin) tries again, unless told otherwise: five times while SQLite is busy, twenty where a server asks for it.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        self.with(|options| options.retry = Some(retry))
    }

    /// Looks for queries in loops, in each session: for development and tests. In place of what the engine's builder says.
    ///
    /// # Example
    /// ```should_panic
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::observe::NPlusOne;
    /// use anyorm::prelude::*;
    ///
    /// let mut session = SessionFactory::new(engine).n_plus_one(NPlusOne::panic(1)).session();
    /// for id in [1, 2] {
    ///     session.get::<User>(id).await?; // panics in the second round, and names this line
    /// }
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn n_plus_one(self, look: NPlusOne) -> Self {
        self.with(|options| options.n_plus_one = Some(look))
    }

    /// Hooks of each session: see [`Session::listen`].
    #[must_use]
    pub fn listen(self, hooks: impl SessionHooks) -> Self {
        self.with(|options| options.listeners = std::mem::take(&mut options.listeners).listen(hooks))
    }

    /// Hooks of the entities of one type, in each session: see [`Session::listen_to`].
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    /// use anyorm::Hooks;
    ///
    /// let lower = Hooks::<User>::new().before_insert(|user| {
    ///     user.email.make_ascii_lowercase();
    ///     Ok(())
    /// });
    /// let sessions = SessionFactory::new(engine).listen_to(lower);
    /// let mut session = sessions.session();
    /// let mary = session.add(User { email: "Mary@Example.org".into(), ..Default::default() });
    /// session.commit().await?;
    /// assert_eq!(session[mary].email, "mary@example.org");
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn listen_to<E: Entity>(self, hooks: impl EntityHooks<E>) -> Self {
        self.with(|options| options.listeners = std::mem::take(&mut options.listeners).listen_to(hooks))
    }

    /// A default filter: a condition on the rows of one entity that stands in every statement of the sessions, as if it had
    /// been written there. It is for the entity whose columns it names, and can be repeated, also for one entity: then all
    /// conditions hold. Made for soft deletes, and for what belongs to one tenant.
    ///
    /// It stands in what is selected, counted, updated or deleted by a query; in joins (in ON, so that a left join keeps
    /// its rows); in subqueries and [`any`](orm_core::Relation::any); in the relations of
    /// [`with`](orm_core::Select::with) and [`load`](Session::load), whose collections are then
    /// [`is_partial`](orm_core::Collection::is_partial), and where a relation to one that is left out keeps its key and has no
    /// handle; and in [`get`](Session::get), `get_one` and `get_for_update`.
    ///
    /// It does not stand in raw SQL, in [`refresh`](Session::refresh) and [`merge`](Session::merge), which name their row,
    /// in what a flush reads and writes by itself, and in the table of pairs of a `many_to_many`. An entity that the
    /// session has already is found by `get` whether or not it meets the condition.
    ///
    /// The way round is [`unfiltered`](orm_core::Select::unfiltered) of a query, or [`unfiltered`](Self::unfiltered) of the
    /// factory.
    ///
    /// # Errors
    /// A condition that names a column of another entity outside of a subquery, or none at all, is an error of the first
    /// statement of a session, which is not sent.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine).filter(Post::TITLE.ne("Letters"));
    /// let mut session = sessions.session();
    /// let ada = session.one(User::select().filter(User::POSTS.any(Post::ID.gt(0))).with(User::POSTS)).await?;
    /// assert_eq!(session[ada].posts.len(), 1); // SELECT .. FROM posts WHERE title <> ? AND author_id IN (..)
    /// assert_eq!(session.get::<Post>(2).await?, None);
    ///
    /// assert_eq!(session.count(Post::select().unfiltered()).await?, 2); // the way round
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn filter(self, condition: impl Condition) -> Self {
        self.with(|options| options.filters.add(condition))
    }

    /// The same factory without its default filters: for what has to see all rows.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine).filter(Account::BALANCE.gt(0));
    /// assert_eq!(sessions.session().get::<Account>(2).await?, None);
    /// assert!(sessions.unfiltered().session().get::<Account>(2).await?.is_some());
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn unfiltered(&self) -> Self {
        self.clone().with(|options| options.filters = Filters::new())
    }

    /// The engine of the sessions.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine);
    /// assert_eq!(sessions.engine().count(User::select()).await?, 2); // plain values, without a session
    /// # Ok(()) });
    /// ```
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A new session. Cheap: it takes no connection until it needs one.
    pub fn session(&self) -> Session {
        Session::with_options(self.engine.clone(), Some(Arc::clone(&self.options)))
    }

    /// A new session that only reads, and has no method that writes.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let mut reads = SessionFactory::new(engine).read_session();
    /// let ada = reads.get_one::<User>(1).await?;
    /// assert_eq!(reads[ada].name, "Ada");
    /// // reads[ada].name.clear(); and reads.commit(); do not compile
    /// # Ok(()) });
    /// ```
    pub fn read_session(&self) -> ReadSession {
        ReadSession::of(self.clone().read_only().session())
    }

    /// Runs `body` in a transaction of a new session: its `Ok` commits, its `Err` rolls back, and so do a panic and a
    /// dropped future. It is tried again as [`retry`](Self::retry) says, each time with a fresh session, so
    /// results leave as values (`detach`, clones), not as handles. Not tried again: after an explicit [`Tx::commit`].
    ///
    /// Dropped: rolled back, unless COMMIT was already under way: then the outcome is open.
    ///
    /// # Errors
    /// Those of `body`, of the commit, or [`Error::TransactionEscaped`] if `body` moved its `Tx` out or swapped its
    /// session. Errors of other types enter by [`Error::other`], or see [`try_begin`](Self::try_begin).
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// let sessions = SessionFactory::new(engine.clone());
    /// sessions
    ///     .begin(|mut tx| async move {
    ///         let from = tx.get_one::<Account>(1).await?;
    ///         tx[from].balance -= 10;
    ///         Ok(())
    ///     })
    ///     .await?;
    /// assert_eq!(engine.scalar(Account::select().filter(Account::ID.eq(1)).columns(Account::BALANCE)).await?, 40);
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn begin<F, Fut, T>(&self, body: F) -> impl Future<Output = Result<T>> + Send + use<F, Fut, T>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        run(self.clone(), body, |error| Some(error), Location::caller())
    }

    /// [`begin`](Self::begin) for a `body` with errors of its own type. What decides on another try is the error of the
    /// last statement.
    ///
    /// # Errors
    /// Those of `body`; ours by `E::from`.
    ///
    /// # Example
    /// ```
    /// # use orm_blog::*;
    /// # run(async |engine| {
    /// use anyorm::prelude::*;
    ///
    /// #[derive(Debug)]
    /// enum Refused {
    ///     TooYoung,
    ///     Database(anyorm::Error),
    /// }
    ///
    /// impl From<anyorm::Error> for Refused {
    ///     fn from(error: anyorm::Error) -> Self {
    ///         Self::Database(error)
    ///     }
    /// }
    ///
    /// let result = SessionFactory::new(engine)
    ///     .try_begin(|mut tx| async move {
    ///         let ada = tx.get_one::<User>(1).await?;
    ///         if tx[ada].age.is_none_or(|age| age < 40) { Err(Refused::TooYoung) } else { Ok(()) }
    ///     })
    ///     .await;
    /// assert!(matches!(result, Err(Refused::TooYoung)));
    /// # Ok(()) });
    /// ```
    #[track_caller]
    pub fn try_begin<F, Fut, T, E>(
        &self,
        body: F,
    ) -> impl Future<Output = Result<T, E>> + Send + use<F, Fut, T, E>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T, E>> + Send,
        T: Send,
        E: From<Error> + Send,
    {
        run(self.clone(), body, |_| None, Location::caller())
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }
}

impl fmt::Debug for SessionFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionFactory").field("options", &self.options).finish_non_exhaustive()
    }
}
