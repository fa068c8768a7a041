import Pipeline

/// The `requests` table in PostgreSQL.
struct PostgresSchema {
    let table: String

    /// The table's name as an identifier.
    var identifier: String {
        "\"\(table.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\""))\""
    }

    typealias Column = (name: String, type: String, rest: String)

    static let columns: [Column] = [
        ("id", "uuid", " PRIMARY KEY"),
        ("session_id", "text", " NOT NULL"),
        ("prompt", "text", " NOT NULL"),
        ("response", "text", " NOT NULL"),
        ("tokens_used", "integer", ""),
        ("metadata", "jsonb", ""),
        ("username", "text", " DEFAULT 'WebUser'"),
        ("user_id", "text", ""),
        ("created_at", "timestamp with time zone", " DEFAULT now()"),
        ("updated_at", "timestamp with time zone", " DEFAULT now()"),
    ]

    /// Types that take the same values as the documented ones.
    static func isGood(_ type: String, for documented: String) -> Bool {
        switch documented {
        case "text": ["text", "character varying", "citext"].contains(type)
        case "integer": ["integer", "bigint", "numeric"].contains(type)
        case "jsonb": ["jsonb", "json"].contains(type)
        // Without a time zone they are taken as UTC.
        case "timestamp with time zone": [documented, "timestamp without time zone"].contains(type)
        default: type == documented
        }
    }

    /// What to do about a column whose times have no time zone, where somebody minds.
    func adviceWithoutTimeZone(_ column: String) -> String {
        "the column '\(column)' of the table '\(table)' has no time zone, and its times are taken as UTC; to give it one: "
            + withTimeZone(column)
    }

    /// The statement that gives a column of times in UTC its time zone.
    func withTimeZone(_ column: String) -> String {
        "ALTER TABLE \(identifier) ALTER COLUMN \(column) TYPE timestamp with time zone "
            + "USING \(column) AT TIME ZONE 'UTC';"
    }

    /// What each index is called, by its column.
    var indexes: [(name: String, column: String)] {
        ["session_id", "created_at", "username"].map { (name("idx_", "_\($0)"), $0) }
    }

    /// Makes everything that is missing, in one transaction, one host after the other.
    var migration: String {
        let columns = PostgresSchema.columns.map { "  \($0.name) \($0.type)\($0.rest)" }.joined(separator: ",\n")
        let indexes = indexes.map { "CREATE INDEX IF NOT EXISTS \"\($0.name)\" ON \(identifier) (\($0.column));\n" }
        let function = name("touch_", "_updated_at")
        let trigger = name("trg_", "_updated_at")
        return """
            BEGIN;
            SELECT pg_advisory_xact_lock(\(PostgresSchema.lock));
            CREATE TABLE IF NOT EXISTS \(identifier) (
            \(columns)
            );
            \(indexes.joined())\
            CREATE OR REPLACE FUNCTION "\(function)"() RETURNS trigger LANGUAGE plpgsql SET timezone TO 'UTC' AS $$
            BEGIN
              IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN NEW.updated_at := now(); END IF;
              RETURN NEW;
            END;
            $$;
            DROP TRIGGER IF EXISTS "\(trigger)" ON \(identifier);
            CREATE TRIGGER "\(trigger)" BEFORE UPDATE ON \(identifier)
              FOR EACH ROW EXECUTE FUNCTION "\(function)"();
            COMMIT;
            """
    }

    /// Any number that others are unlikely to lock.
    private static let lock = 7_310_868_735_422

    /// PostgreSQL cuts names after 63 bytes, which would make the three indexes' names one.
    private func name(_ prefix: String, _ suffix: String) -> String {
        prefix + table.prefix(max(0, 63 - prefix.utf8.count - suffix.utf8.count)) + suffix
    }
}
