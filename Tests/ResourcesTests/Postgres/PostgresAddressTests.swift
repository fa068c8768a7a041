import Pipeline
import Testing

@testable import Resources

@Suite("Connection strings of other programs")
struct PostgresAddressTests {
    private func problem(_ url: String) -> String { PostgresAddress(Secret(url)).problem }

    @Test(
        "the part that is not understood is named, and what to write",
        arguments: [
            ("postgresql+asyncpg://u:hunter2@h/d", "'postgresql+asyncpg://'", "postgresql://"),
            ("postgresql+psycopg2://u:hunter2@h/d", "'postgresql+psycopg2", "SQLAlchemy"),
            ("jdbc:postgresql://h/d?user=u&password=hunter2", "'jdbc:postgresql://'", "postgresql://"),
            ("prisma+postgres://h/d?api_key=hunter2", "'prisma+postgres://'", "Prisma"),
            ("mysql://u:hunter2@h/d", "'mysql://'", "postgresql://"),
            ("postgresql://u:hunter2@h/d?pgbouncer=true", "'pgbouncer'", "leave it out"),
            ("postgresql://u:hunter2@h/d?schema=public", "'schema'", "options=-csearch_path"),
            ("postgresql://u:hunter2@h/d?sslmode=require&connection_limit=5", "'connection_limit'", "'connections'"),
            ("postgresql://u:hunter2@h/d?sslmode", "has no value", ""),
            ("postgresql://u:hunter2%@h/d", "'%'", "%25"), ("postgresql://u:hunter2%x1@h/d", "'%'", "%25"),
            ("postgresql://u:a/hunter2@h/d", "'/'", "%2F"), ("postgresql://u:a?hunter2@h/d", "'?'", "%3F"),
            ("postgresql://u:a@hunter2@h/d", "'@'", "%40"), ("host=h passwort=hunter2", "'passwort'", ""),
            ("host=h password=a hunter2", "single quotes", ""), ("h:5432/d", "neither a URL", "host="),
        ])
    func parts(_ url: String, _ part: String, _ cure: String) {
        let problem = problem(url)
        #expect(problem.contains(part) && problem.contains(cure), "\(problem)")
        #expect(problem.contains("is no PostgreSQL connection string") && !problem.contains("hunter2"))
    }

    @Test(
        "what libpq understands is taken, line ends and blanks around it left out",
        arguments: [
            "postgresql://u:p@h/d\r\n", "  postgres://h:5432/d\n",
            "postgresql://u:p%40%2F@[::1]:5432/d?sslmode=disable",
            "postgresql:///d?host=/tmp&user=u", "postgresql://a:1,b:2/d?target_session_attrs=read-write",
            "postgresql://h:5432/d?application_name=a@b", "postgresql://h/d?options=-csearch_path%3Dx&ssl=true",
            "host=h port=5432 dbname=d user=u password='a b=c'\r\n", "host=h password=a=b", "postgresql://u:p%2Fq@h",
        ])
    func taken(_ url: String) {
        let address = PostgresAddress(Secret(url))
        #expect(address.problem == "")
        #expect(address.text == url.trimmingWhitespace)
    }
}

extension String {
    fileprivate var trimmingWhitespace: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.drop { $0.properties.isWhitespace }.reversed().drop { $0.properties.isWhitespace }
                    .reversed()))
    }
}
