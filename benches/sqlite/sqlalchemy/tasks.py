"""The ten tasks with SQLAlchemy's asyncio, on aiosqlite: `tasks.py <database file>`."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Column, ForeignKey, Row, Table, event, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    mapped_column,
    relationship,
    selectinload,
)

SEED = Path(__file__).parent.parent / "common" / "tasks-seed.sql"
TABLES = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
USERS = "SELECT count(*) FROM users"
POSTS = "SELECT count(*) FROM posts"
NAMES = "SELECT group_concat(name, ', ') FROM (SELECT name FROM users ORDER BY name)"


# begin: models
class Base(DeclarativeBase):
    pass


post_tags = Table(
    "post_tags",
    Base.metadata,
    Column("post_id", ForeignKey("posts.id"), primary_key=True),
    Column("tag_id", ForeignKey("tags.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    posts: Mapped[list["Post"]] = relationship(back_populates="author")


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    views: Mapped[int] = mapped_column(default=0)
    author_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    author: Mapped["User"] = relationship(back_populates="posts")
    tags: Mapped[list["Tag"]] = relationship(secondary=post_tags)


class Tag(Base):
    __tablename__ = "tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


async def create_tables(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


# end: models


# begin: insert_graph
async def insert_graph(session: AsyncSession) -> User:
    ada = User(
        name="Ada",
        email="ada@example.org",
        posts=[
            Post(title="Notes on engines", views=12),
            Post(title="Letters", views=3),
            Post(title="Looms and engines", views=40),
        ],
    )
    session.add(ada)
    await session.commit()
    return ada


# end: insert_graph


# begin: read_by_key
async def read_by_key(session: AsyncSession, id: int) -> User | None:
    return await session.get(User, id)


# end: read_by_key


# begin: filter
async def filter(session: AsyncSession, word: str) -> Sequence[Post]:
    posts = (
        select(Post)
        .where(Post.views >= 10, Post.title.contains(word))
        .order_by(Post.views.desc(), Post.title)
        .limit(5)
    )
    return (await session.scalars(posts)).all()


# end: filter


# begin: with_children
async def with_children(session: AsyncSession) -> Sequence[User]:
    users = select(User).order_by(User.name).options(selectinload(User.posts))
    return (await session.scalars(users)).all()


# end: with_children


# begin: change
async def change(session: AsyncSession, id: int) -> Post:
    post = await session.get_one(Post, id)
    post.views += 1
    post.title += ", revised"
    await session.commit()
    return post


# end: change


# begin: many_to_many
async def many_to_many(session: AsyncSession, id: int) -> Sequence[Post]:
    post = await session.get_one(Post, id, options=[selectinload(Post.tags)])
    engines = await session.scalars(select(Tag).where(Tag.name == "engines"))
    post.tags += [engines.one(), Tag(name="history")]
    await session.commit()
    posts = (
        select(Post).where(Post.tags.any(Tag.name == "engines")).order_by(Post.title)
    )
    return (await session.scalars(posts)).all()


# end: many_to_many


# begin: rollback
async def rollback(session: AsyncSession) -> None:
    eve = User(name="Eve", email="eve@example.org", posts=[Post(title="Lost")])
    session.add_all([eve, User(name="Twin", email="ada@example.org")])
    await session.commit()


def is_unique(error: IntegrityError) -> bool:
    return error.orig.sqlite_errorname == "SQLITE_CONSTRAINT_UNIQUE"


# end: rollback


# begin: aggregate
async def aggregate(session: AsyncSession) -> Sequence[Row[tuple[str, int, int]]]:
    posts, views = func.count().label("posts"), func.sum(Post.views).label("views")
    authors = (
        select(User.name, posts, views)
        .join(User.posts)
        .group_by(User.id)
        .having(posts >= 2)
        .order_by(views.desc())
    )
    return (await session.execute(authors)).all()


# end: aggregate


# begin: upsert
async def upsert(session: AsyncSession, name: str, email: str) -> None:
    user = (
        insert(User)
        .values(name=name, email=email)
        .on_conflict_do_update(index_elements=["email"], set_={"name": name})
    )
    await session.execute(user)
    await session.commit()


# end: upsert


def tell(task, *parts):
    print(f"{task}: {', '.join(str(part) for part in parts)}")


def enforce_foreign_keys(connection, _):
    connection.execute("PRAGMA foreign_keys = ON")


async def main():
    engine = create_async_engine(f"sqlite+aiosqlite:///{sys.argv[1]}")
    event.listen(engine.sync_engine, "connect", enforce_foreign_keys)
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    async def scalar(statement):
        async with engine.connect() as connection:
            return (await connection.exec_driver_sql(statement)).scalar_one()

    await create_tables(engine)
    tell("models", f"{await scalar(TABLES)} tables")

    async with sessions() as session:
        ada = await insert_graph(session)
    tell("insert_graph", f"user {ada.id}", *(f"post {post.id}" for post in ada.posts))

    async with engine.begin() as connection:
        for statement in SEED.read_text().split("\n\n"):
            await connection.exec_driver_sql(statement)

    async with sessions() as session:
        found = [await read_by_key(session, 1), await read_by_key(session, 99)]
    tell(
        "read_by_key",
        *(f"{user.name} <{user.email}>" if user else "none" for user in found),
    )

    async with sessions() as session:
        posts = await filter(session, "engines")
    tell("filter", *(f"{post.title} ({post.views})" for post in posts))

    async with sessions() as session:
        users = await with_children(session)
    tell("with_children", *(f"{user.name} {len(user.posts)}" for user in users))

    async with sessions() as session:
        post = await change(session, 2)
    tell("change", f"{post.title} ({post.views})")

    async with sessions() as session:
        posts = await many_to_many(session, 1)
    tell("many_to_many", *(post.title for post in posts))

    try:
        async with sessions() as session:
            await rollback(session)
    except IntegrityError as error:
        told = f"told to be unique by its type: {str(is_unique(error)).lower()}"
        tell(
            "rollback",
            told,
            f"{await scalar(USERS)} users",
            f"{await scalar(POSTS)} posts",
        )

    async with sessions() as session:
        authors = await aggregate(session)
    tell(
        "aggregate",
        *(f"{author.name} {author.posts} {author.views}" for author in authors),
    )

    async with sessions() as session:
        await upsert(session, "Ada Lovelace", "ada@example.org")
        await upsert(session, "Rosa", "rosa@example.org")
    tell("upsert", await scalar(NAMES))
    await engine.dispose()


asyncio.run(main())
