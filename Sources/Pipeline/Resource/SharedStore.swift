/// A resource by which hosts share what they know: `shared: outbox`.
package protocol SharedStore: Resource {
    /// The way to the other hosts; `nil` before it is open.
    var link: (any SharedLink)? { get }
}

/// Messages between hosts, and values that all of them see. Nothing here blocks who calls it.
package protocol SharedLink: AnyObject, Sendable {
    /// What the names of subjects and of values begin with: hosts with the same one share what they know.
    var prefix: String { get }

    /// Whether other hosts can be reached now, as far as is known.
    var isConnected: Bool { get }

    /// For how long that has been so without a break; zero where it is not.
    var connectedFor: Duration { get }

    /// How many bytes a message, or a value, may have.
    var maxMessage: Int { get }

    /// Sends a message to whoever listens. Those of one caller to one subject arrive in order.
    ///
    /// - Parameters:
    ///   - bytes: The message.
    ///   - subject: Where to.
    /// - Returns: Whether it was taken; `false` where nobody can be reached.
    @discardableResult func send(_ bytes: [UInt8], to subject: String) -> Bool

    /// Sends a message and waits for who listens to reply.
    ///
    /// - Parameters:
    ///   - bytes: The message.
    ///   - subject: Where to.
    ///   - limit: How long to wait.
    /// - Returns: The reply.
    /// - Throws: ``SharedFailure/nobody`` where nobody listens, ``SharedFailure/away`` where nothing comes in time.
    func ask(_ bytes: [UInt8], of subject: String, within limit: Duration) async throws(SharedFailure) -> [UInt8]

    /// Listens to a subject, also across outages.
    ///
    /// - Parameters:
    ///   - subject: Which one.
    ///   - body: Takes the messages in their order, and where a reply goes to. It must not block.
    /// - Returns: What ends it.
    /// - Throws: ``SharedFailure`` where that can't be.
    func listen(
        on subject: String, _ body: @escaping @Sendable (_ bytes: [UInt8], _ reply: String?) -> Void
    ) throws(SharedFailure) -> any SharedListening

    /// Values by their keys, which are made where there are none.
    ///
    /// - Parameters:
    ///   - name: What they are called, behind the prefix.
    ///   - time: For how long a value stays that nobody sets.
    ///   - bytes: How much they may take together; past that those go first that were set first. `nil` where that has no bound.
    func values(_ name: String, keptFor time: Duration, upTo bytes: Int?) -> any SharedValues
}

extension SharedLink {
    /// Values by their keys, which are made where there are none.
    ///
    /// - Parameters:
    ///   - name: What they are called, behind the prefix.
    ///   - time: For how long a value stays that nobody sets.
    package func values(_ name: String, keptFor time: Duration) -> any SharedValues {
        values(name, keptFor: time, upTo: nil)
    }
}

extension SharedLink {
    /// Whether anybody replies at a subject.
    ///
    /// - Parameters:
    ///   - subject: Which one.
    ///   - own: One at which this host replies itself: where that is not heard either, it is the way that is missing.
    ///   - bytes: What is said there.
    ///   - limit: How long it may be silent.
    /// - Returns: `nil` where that can't be told.
    package func isThere(
        _ subject: String, besides own: String, saying bytes: [UInt8] = [], within limit: Duration
    ) async -> Bool? {
        let begun = ContinuousClock.now
        while true {
            var failure = SharedFailure.away
            do throws(SharedFailure) {
                _ = try await ask(bytes, of: subject, within: limit)
                return true
            } catch {
                failure = error
            }
            if failure == .away || .now - begun >= limit { break }
            do { try await Task.sleep(for: .milliseconds(200)) } catch { return nil }
        }
        do throws(SharedFailure) {
            _ = try await ask([], of: own, within: .seconds(1))
            return false
        } catch {
            return nil
        }
    }
}

/// What ends listening.
package protocol SharedListening: Sendable {
    /// Nothing more is heard.
    func cancel()
}

/// Values that all hosts see, each with a revision, which grows when it is set.
package protocol SharedValues: Sendable {
    /// The value of a key; `nil` where there is none.
    ///
    /// - Parameter key: Its characters are `A-Za-z0-9_=.-`.
    /// - Throws: ``SharedFailure`` where that can't be told.
    func get(_ key: String) async throws(SharedFailure) -> SharedValue?

    /// Sets a value where nobody has since.
    ///
    /// - Parameters:
    ///   - key: As for ``get(_:)``.
    ///   - value: At most ``SharedLink/maxMessage`` bytes, less 1 KiB.
    ///   - revision: What was there; 0 for nothing.
    /// - Returns: The new revision; `nil` where somebody else was faster.
    /// - Throws: ``SharedFailure`` where it is not known whether it was set.
    func set(_ key: String, _ value: [UInt8], ifRevision revision: UInt64) async throws(SharedFailure) -> UInt64?
}

/// A value and its revision.
package struct SharedValue: Sendable {
    /// The value.
    package let bytes: [UInt8]
    /// The number of the change that made it.
    package let revision: UInt64
    /// When that was, by the clock of what keeps it; `nil` where it does not say.
    package let setAt: Timestamp?

    /// A value as it was found.
    package init(_ bytes: [UInt8], revision: UInt64, setAt: Timestamp? = nil) {
        self.bytes = bytes
        self.revision = revision
        self.setAt = setAt
    }
}

/// Why other hosts can't be asked.
package enum SharedFailure: Error, Sendable, Equatable {
    /// What is between the hosts can't be reached, or does not answer in time.
    case away
    /// Nobody listens there.
    case nobody
}
