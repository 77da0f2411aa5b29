-- What the ten tasks find besides what the first two have stored. An empty line ends a statement.
INSERT INTO users (id, name, email) VALUES
    (2, 'Grace', 'grace@example.org'),
    (3, 'Mary', 'mary@example.org'),
    (4, 'Joan', 'joan@example.org')

INSERT INTO posts (id, title, views, author_id) VALUES
    (4, 'Compilers for engines', 40, 2),
    (5, 'Moths', 25, 2),
    (6, 'More engines', 11, 2),
    (7, 'Bugs in engines', 10, 2),
    (8, 'Last engines', 10, 2),
    (9, 'Small engines', 9, 3)

INSERT INTO tags (id, name) VALUES (1, 'engines')

INSERT INTO post_tags (post_id, tag_id) VALUES (4, 1)

-- Whoever writes all columns of a post where two have changed is found out.
CREATE TRIGGER only_what_changed BEFORE UPDATE OF id, author_id ON posts BEGIN
    SELECT raise(ABORT, 'a column was written that has not changed');
END
