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
    /// The consumer that delivered it.
    package let consumer: String
    /// Its number in the stream.
    package let sequence: UInt64
    /// How often this consumer has delivered it, this time included.
    package let deliveries: Int
    /// How many messages wait behind it.
    package let pending: Int

    /// What `$JS.ACK.STREAM.CONSUMER.DELIVERIES.SEQUENCE.SEQUENCE.TIME.PENDING` says; `nil` where the message is none of a
    /// consumer's. Where JetStream has a domain, this and the account stand before the stream.
    package init?(_ message: NATSMessage) {
        guard let reply = message.reply else { return nil }
        let tokens = reply.split(separator: ".", omittingEmptySubsequences: false)
        guard tokens.count == 9 || tokens.count >= 11, tokens[0] == "$JS", tokens[1] == "ACK" else { return nil }
        let first = tokens.count == 9 ? 2 : 4
        guard let deliveries = Int(tokens[first + 2]), let sequence = UInt64(tokens[first + 3]),
            let pending = Int(tokens[first + 6])
        else { return nil }
        acknowledgementSubject = reply
        consumer = String(tokens[first + 1])
        (self.deliveries, self.sequence, self.pending) = (deliveries, sequence, pending)
    }
}

extension NATSConnection {
    /// Says something of delivered messages, by the subjects of their acknowledgements.
    package func acknowledge(_ subjects: [String], _ word: Delivery.Acknowledgement) {
        let payload = word.payload
        publish(subjects.map { ($0, payload) })
    }
}

extension JetStream {
    /// Asks for messages of a consumer: they come to `inbox`, and in the end a word of the server's, if they are not as many
    /// within the time.
    package func pull(_ count: Int, of consumer: String, in stream: String, within limit: Duration, to inbox: String) {
        let body = "{\"batch\":\(count),\"expires\":\(Int(limit / .nanoseconds(1)))}"
        connection.publish(Array(body.utf8), to: "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(consumer)", reply: inbox)
    }
}
