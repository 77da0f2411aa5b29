"""SQLAlchemy's asyncio, on aiosqlite: `bench.py <work> <database file> [--quick]`. See `common` for what it must do and print."""

import asyncio
import resource
import statistics
import sys
import time
import zlib

from sqlalchemy import ForeignKey, event, insert, select
from sqlalchemy import text as text_clause
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload
from sqlalchemy.pool import AsyncAdaptedQueuePool

CONNECTIONS = 4
SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT count(*) AS count FROM n"
FULL = dict(rows=10_000, reads=5_000, tasks=10, tail_tasks=256, tail_reads=20, requests=2_000, few=10, diamonds=250, dropped=1_000)
QUICK = dict(rows=200, reads=50, tasks=10, tail_tasks=16, tail_reads=2, requests=20, few=10, diamonds=10, dropped=20)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str]
    age: Mapped[int | None]
    score: Mapped[float]


class Parent(Base):
    __tablename__ = "parents"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    age: Mapped[int | None]
    children: Mapped[list["Child"]] = relationship(back_populates="parent")


class Child(Base):
    __tablename__ = "children"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int] = mapped_column(ForeignKey("parents.id"))
    title: Mapped[str]
    pages: Mapped[int]
    parent: Mapped[Parent] = relationship(back_populates="children")


class Account(Base):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    balance: Mapped[int]


class Audit(Base):
    __tablename__ = "audits"
    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[int]


class Top(Base):
    __tablename__ = "tops"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Left(Base):
    __tablename__ = "lefts"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    top_id: Mapped[int] = mapped_column(ForeignKey("tops.id"))
    top: Mapped[Top] = relationship()


class Right(Base):
    __tablename__ = "rights"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    top_id: Mapped[int] = mapped_column(ForeignKey("tops.id"))
    top: Mapped[Top] = relationship()


class Bottom(Base):
    __tablename__ = "bottoms"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    left_id: Mapped[int] = mapped_column(ForeignKey("lefts.id"))
    right_id: Mapped[int] = mapped_column(ForeignKey("rights.id"))
    left: Mapped[Left] = relationship()
    right: Mapped[Right] = relationship()


class Lap:
    def __init__(self, time, units, total, **extras):
        self.time, self.units, self.total, self.extras = time, units, total, extras


class Bench:
    def __init__(self, work, file, size):
        self.work, self.size = work, size
        self.engine = create_async_engine(
            f"sqlite+aiosqlite:///{file}",
            poolclass=AsyncAdaptedQueuePool,
            pool_size=CONNECTIONS,
            max_overflow=0,
        )
        event.listen(self.engine.sync_engine, "connect", prepare)

    def session(self):
        return AsyncSession(self.engine, expire_on_commit=False)

    def key(self, at):
        return at * 7_919 % self.size["rows"] + 1

    async def read(self, key):
        async with self.session() as session:
            return await session.get_one(User, key)

    async def read_by_key(self, _):
        start = now()
        found = []
        async with self.session() as session:
            for at in range(self.size["reads"]):
                found.append(await session.get_one(User, self.key(at)))
        return Lap(now() - start, self.size["reads"], sum_of(found))

    async def read_together(self, _):
        return await self.tasks(self.size["tasks"], self.size["reads"] // self.size["tasks"])

    async def hundred(self, round):
        return await self.read_by_key(round)

    async def ten_at_once(self, round):
        return await self.read_together(round)

    async def tail(self, _):
        return await self.tasks(self.size["tail_tasks"], self.size["tail_reads"])

    async def tasks(self, tasks, reads):
        await asyncio.gather(*(self.read_all(task, 1) for task in range(tasks)))
        start = now()
        parts = await asyncio.gather(*(self.read_all(task, reads) for task in range(tasks)))
        took = now() - start
        found = [user for part in parts for user, _ in part]
        times = sorted(time for part in parts for _, time in part)
        return Lap(took, len(found), sum_of(found), p99=times[len(times) * 99 // 100])

    async def read_all(self, task, reads):
        done = []
        for at in range(task * reads, (task + 1) * reads):
            start = now()
            user = await self.read(self.key(at))
            done.append((user, now() - start))
        return done

    async def rows(self, _):
        start = now()
        async with self.session() as session:
            found = list(await session.scalars(select(User)))
            took = now() - start
            return Lap(took, len(found), sum_of(found))

    async def insert_bulk(self, round):
        new = new_users(round, self.size["rows"])
        start = now()
        async with self.session() as session:
            session.add_all(new)
            await session.commit()
            took = now() - start
            return Lap(took, len(new), sum_of(new))

    async def insert_single(self, round):
        new = new_users(round, self.size["rows"])
        start = now()
        async with self.engine.begin() as connection:
            for user in new:
                values = dict(name=user.name, email=user.email, age=user.age, score=user.score)
                done = await connection.execute(insert(User).values(values))
                user.id = done.inserted_primary_key[0]
        return Lap(now() - start, len(new), sum_of(new))

    async def change(self, _):
        async with self.session() as session:
            found = list(await session.scalars(select(User)))
            start = now()
            for user in found:
                user.age = older(user.age)
            await session.commit()
            return Lap(now() - start, len(found), sum_of(found))

    async def flush_few(self, _):
        async with self.session() as session:
            found = list(await session.scalars(select(User).order_by(User.id)))
            start = now()
            few = found[: self.size["few"]]
            for user in few:
                user.age = older(user.age)
            await session.commit()
            return Lap(now() - start, len(few), sum_of(few))

    async def parents(self, _):
        start = now()
        async with self.session() as session:
            found = list(await session.scalars(select(Parent).options(selectinload(Parent.children))))
            took = now() - start
            total = 0
            for parent in found:
                total += crc(f"parent|{parent.id}|{parent.name}|{text(parent.age)}")
                for child in parent.children:
                    total += crc(f"child|{child.id}|{child.parent_id}|{child.title}|{child.pages}")
            return Lap(took, len(found) * 11, total)

    async def mixed(self, _):
        done = []
        start = now()
        for request in range(self.size["requests"]):
            async with self.session() as session:
                account = await session.get_one(Account, self.key(request))
                amount = request % 100 + 1
                account.balance += amount
                audit = Audit(account_id=account.id, amount=amount)
                session.add(audit)
                await session.commit()
                done.append((account, audit))
        took = now() - start
        total = 0
        for account, audit in done:
            total += crc(f"account|{account.id}|{account.owner}|{account.balance}")
            total += crc(f"audit|{audit.id}|{audit.account_id}|{audit.amount}")
        return Lap(took, len(done), total)

    async def diamond(self, round):
        count = self.size["diamonds"]
        new = []
        start = now()
        async with self.session() as session:
            for number in range(round * count + 1, round * count + count + 1):
                top = Top(name=f"Top {number}")
                left, right = Left(name=f"Left {number}", top=top), Right(name=f"Right {number}", top=top)
                new.append(Bottom(name=f"Bottom {number}", left=left, right=right))
            session.add_all(new)
            await session.commit()
            took = now() - start
            keys = ((it.left.top.id, it.left.id, it.right.id, it.id) for it in new)
            return Lap(took, 4 * count, sum(crc("diamond|" + "|".join(map(str, four))) for four in keys))

    async def stream(self, _):
        total = count = 0
        start = now()
        async with self.session() as session:
            statement = select(User).execution_options(yield_per=1_000)
            async for part in (await session.stream_scalars(statement)).partitions():
                for user in part:
                    age = -1 if user.age is None else user.age
                    total += user.id + len(user.name) + len(user.email) + age + int(user.score * 4)
                count += len(part)
        return Lap(now() - start, count, total)

    async def stall(self, round):
        ticker = Ticker()
        task = asyncio.create_task(ticker.run())
        times = 1 if round == 0 else 5
        start = now()
        for _ in range(times):
            async with self.session() as session:
                found = list(await session.scalars(select(User)))
        took = now() - start
        ticker.is_done = True
        await task
        return Lap(took, len(found) * times, sum_of(found), stall=ticker.longest)

    async def recovery(self, _):
        for at in range(self.size["dropped"]):
            task = asyncio.create_task(self.read(self.key(at)))
            await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
        start = now()
        user = await self.read(1)
        return Lap(now() - start, 1, sum_of([user]))


    async def given_up(self, round):
        start = now()

        async def slow():
            async with self.session() as session:
                await session.execute(text_clause(SLOW if round else "SELECT 1"))

        async def give_up():
            try:
                await asyncio.wait_for(slow(), 0.02)
            except asyncio.TimeoutError:
                pass

        await asyncio.gather(*(give_up() for _ in range(CONNECTIONS)))
        told = now() - start
        user = await self.read(1)
        return Lap(now() - start, 1, sum_of([user]), told=told)


class Ticker:
    def __init__(self):
        self.is_done, self.longest = False, 0

    async def run(self):
        while not self.is_done:
            start = now()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, now() - start)


# How often the work is done after it was warmed up; once where it is not named.
LAPS = dict(rows=5, parents=5, recovery=5, insert_bulk=3, change=3, stream=3, rows_many=3, flush_few=3, diamond=3, hundred=25, ten_at_once=25)


def prepare(connection, _):
    cursor = connection.cursor()
    for pragma in ("busy_timeout = 5000", "journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def now():
    return time.perf_counter_ns()


def new_users(round, count):
    return [
        User(
            name=f"User {number}",
            email=f"user{number}@example.org",
            age=None if number % 10 == 0 else number % 90,
            score=number % 1_000 * 0.25,
        )
        for number in range(round * count + 1, round * count + count + 1)
    ]


def older(age):
    return 0 if age is None else (age + 1) % 90


def text(number):
    return "" if number is None else number


def crc(row):
    return zlib.crc32(row.encode())


def sum_of(users):
    return sum(
        crc(f"user|{user.id}|{user.name}|{user.email}|{text(user.age)}|{int(user.score * 4)}") for user in users
    )


async def main():
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    work, file = words[0].replace("-", "_"), words[1]
    size = dict(QUICK if "--quick" in sys.argv else FULL)
    if work == "hundred":
        size["reads"] = min(size["reads"], 100)
    if work == "ten_at_once":
        size["reads"] = size["tasks"]
    bench = Bench(work, file, size)
    lap = getattr(bench, "rows" if work == "rows_many" else work)
    laps = [await lap(round) for round in range(LAPS.get(work, 1) + 1)]
    await bench.engine.dispose()
    last, counted = laps[-1], laps[1:]
    line = [median(lap.time for lap in counted), last.units, last.total]
    line += [f"{name}={median(lap.extras[name] for lap in counted)}" for name in last.extras]
    print(*line, f"memory={resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")


def median(values):
    return int(statistics.median(values))


asyncio.run(main())
