/// How long hosts wait for each other.
struct HostPatience: Sendable {
    /// How long a host must be silent until it counts as dead: its connection may be about to be made again.
    var silence: Duration = .seconds(2)
    /// How long this host must have been connected until it says so of another: after an outage others may be back later.
    var grace: Duration = .seconds(6)
    /// For how long a death is taken for granted.
    var memory: Duration = .seconds(3)
    /// How long a question goes without an answer until it is looked whether the other host is there.
    var look: Duration = .milliseconds(300)
    /// How long a host may take for an answer while it is there.
    var answer: Duration = .seconds(60)
    /// How long what was sent may go unacknowledged until it is sent again; each time twice as long, up to 5 s.
    var resend: Duration = .milliseconds(200)
    /// How long it is kept for a host that does not acknowledge it.
    var keep: Duration = .seconds(300)
    /// How long nothing may be known of a host on which messages depend: less than ``keep``, after which it would send no more.
    var outage: Duration = .seconds(240)
    /// How often hosts are looked at whose end matters.
    var watch: Duration = .milliseconds(500)
    /// How long a session may be another host's in the record that has not asked for it.
    var taken: Duration = .seconds(4)
    /// How long a session is looked for, where what is between the hosts does not answer.
    var entering: Duration = .seconds(4)
}
