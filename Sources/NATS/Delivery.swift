/// A message that a consumer delivered, with what its acknowledgement is sent to.
package struct Delivery: Sendable {
    /// What may be said of a delivered message.
    package enum Acknowledgement: Sendable {
        /// It is done.
        case done
        /// It is being worked on: the time until it is delivered again begins anew.
        case inProgress
        /// It is to be delivered again, after so long.
        case again(after: Duration)

        package var payload: [UInt8] {
            switch self {
            case .done: Array("+ACK".utf8)
            case .inProgress: Array("+WPI".utf8)
            case .again(let delay): Array("-NAK {\"delay\": \(Int(delay / .nanoseconds(1)))}".utf8)
            }
        }
    }

    /// Where acknowledgements go.
    package let acknowledgementSubject: String
    /// Its number in the stream.
    package let sequence: UInt64
    /// How often this consumer has delivered it, this time included.
    package let deliveries: Int
    /// How many messages wait behind it.
    package let pending: Int

    /// Where the consumer's name stands in the subject.
    private let place: Range<Int>

    /// The consumer that delivered it.
    package var consumer: String { text(at: place) }

    /// Whether that is a consumer, without making a text of its name.
    package func isOf(_ consumer: String) -> Bool { isThere(consumer, at: place) }

    /// Whether the consumer is this worker's: what stands before the number at the end of its name.
    func isOf(worker: String) -> Bool {
        let begin = place.upperBound
        let found = acknowledgementSubject.utf8.withContiguousStorageIfAvailable { bytes -> Range<Int>? in
            let mark = UInt8(ascii: "_")
            guard let end = bytes[place].lastIndex(of: mark) else { return nil }
            return (bytes[place.lowerBound..<end].lastIndex(of: mark).map { $0 + 1 } ?? place.lowerBound)..<end
        }
        return isThere(worker, at: (found ?? nil) ?? begin..<begin)
    }

    private func isThere(_ text: String, at place: Range<Int>) -> Bool {
        guard text.utf8.count == place.count else { return false }
        let isSame = text.utf8.withContiguousStorageIfAvailable { own in
            acknowledgementSubject.utf8.withContiguousStorageIfAvailable { bytes in bytes[place].elementsEqual(own) }
        }
        return (isSame ?? nil) ?? (self.text(at: place) == text)
    }

    private func text(at place: Range<Int>) -> String {
        String(decoding: acknowledgementSubject.utf8.dropFirst(place.lowerBound).prefix(place.count), as: UTF8.self)
    }

    /// What `$JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.SEQUENCE.TIME.PENDING` says; `nil` where the message is none of a
    /// consumer's. Where JetStream has a domain, this and the account stand before the stream.
    package init?(_ message: NATSMessage) {
        guard let reply = message.reply else { return nil }
        self.init(acknowledgedTo: reply)
    }

    init?(acknowledgedTo reply: String) {
        guard reply.utf8.starts(with: "$JS.ACK.".utf8) else { return nil }
        var text = reply
        let parts = text.withUTF8 { bytes -> (consumer: Range<Int>, deliveries: Int, sequence: UInt64, pending: Int)? in
            // Where each of the parts begins; more than the server's would be of a later version, behind those that are known.
            var starts = InlineArray<16, Int>(repeating: 0)
            var count = 1
            for index in bytes.indices where bytes[index] == UInt8(ascii: ".") && count < 16 {
                starts[count] = index + 1
                count += 1
            }
            guard count == 9 || count >= 11 else { return nil }
            let first = count == 9 ? 2 : 4
            func number(_ part: Int) -> UInt64? {
                var value: UInt64 = 0
                var index = starts[part]
                while index < bytes.count, bytes[index] != UInt8(ascii: ".") {
                    let digit = bytes[index] &- UInt8(ascii: "0")
                    guard digit < 10 else { return nil }
                    value = value &* 10 &+ UInt64(digit)
                    index += 1
                }
                return index > starts[part] ? value : nil
            }
            guard let deliveries = number(first + 2), let sequence = number(first + 3), let pending = number(first + 6)
            else { return nil }
            return (
                starts[first + 1]..<starts[first + 2] - 1, Int(clamping: deliveries), sequence, Int(clamping: pending)
            )
        }
        guard let parts else { return nil }
        acknowledgementSubject = text
        place = parts.consumer
        (deliveries, sequence, pending) = (parts.deliveries, parts.sequence, parts.pending)
    }
}

extension NATSConnection {
    /// Says something of delivered messages, by the subjects of their acknowledgements.
    package func acknowledge(_ subjects: [String], _ word: Delivery.Acknowledgement) {
        let payload = word.payload
        publishInTime(
            subjects.map { Outgoing(subject: $0, reply: nil, replySubject: nil, headers: [], payload: payload) })
    }

    /// Says that a delivered message is done, which may have been said before, and waits until the server has counted it.
    ///
    /// - Throws: Where no answer has come, as from a consumer that is gone.
    package func confirm(_ subject: String, within limit: Duration) async throws(NATSError) {
        _ = try await request(Delivery.Acknowledgement.done.payload, to: subject, timeout: limit)
    }
}

extension JetStream {
    /// Asks for messages of a consumer: they come to `inbox`, and in the end a word of the server's, if they are not as many
    /// within the time.
    package func pull(_ count: Int, of consumer: String, in stream: String, within limit: Duration, to inbox: String) {
        let body = "{\"batch\":\(count),\"expires\":\(Int(limit / .nanoseconds(1)))}"
        connection.publishInTime([
            NATSConnection.Outgoing(
                subject: "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(consumer)", reply: nil, replySubject: inbox,
                headers: [],
                payload: Array(body.utf8))
        ])
    }
}
