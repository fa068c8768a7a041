import Pipeline

/// Why a statement was not run.
struct PostgresFailure: Error, Equatable {
    enum Kind: Equatable {
        /// No connection could be made.
        case refused
        /// The connection broke.
        case lost
        /// There was no answer in time.
        case timeout
        /// The server takes no rows.
        case readOnly
        /// The server said no, with its SQLSTATE.
        case statement(String)
    }

    let kind: Kind
    /// What the log may say: never holds the password.
    let detail: String

    /// The first two characters of the SQLSTATE, which say what kind of error it is.
    private var stateClass: String {
        if case .statement(let state) = kind { String(state.prefix(2)) } else { "" }
    }

    /// Whether the rows are at fault: a value that can't be stored, a broken constraint, a value too large for an index,
    /// or an error that a trigger raised. Anything else is no fault of theirs.
    var isOfTheRows: Bool { ["22", "23", "54", "P0"].contains(stateClass) }

    /// Whether another try at once may well succeed: two transactions were in each other's way.
    var isPassing: Bool { stateClass == "40" }

    /// Whether the table is not as it was: dropped, altered, or no longer granted.
    var isOfTheTable: Bool { stateClass == "42" }

    /// Whether the server answers, and would not take a good row either: it is read-only, its disk is full, its storage
    /// fails. What reads alone says nothing of that.
    var refusesWriting: Bool { ["25", "53", "55", "58", "XX"].contains(stateClass) }

    /// Whether the connection is of no more use: the server stops, is a standby, or has had enough of it.
    var endsSession: Bool {
        switch kind {
        case .refused, .lost, .timeout, .readOnly: true
        case .statement: ["08", "25", "57"].contains(stateClass)
        }
    }

    /// As stages see it.
    var error: PipelineError {
        isOfTheRows
            ? PipelineError(.stageFailed, "The message could not be stored", detail: detail)
            : .databaseUnavailable(detail)
    }
}
