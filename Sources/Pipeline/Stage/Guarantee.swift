/// A stage, a resource or a section of a file that promises something of its own.
///
/// `stagecoach explain` prints what it promises, and what a changed file weakens is said in the log of a reload and by
/// `explain --against`:
///
/// ```swift
/// extension Moderate: Guaranteeing {
///     var guarantees: [Guarantee] {
///         [
///             Guarantee(
///                 "moderation", "refuses prompts that score above \(threshold)", .atMost(threshold),
///                 otherwise: "no prompt is moderated", refuses: true)
///         ]
///     }
/// }
/// ```
public protocol Guaranteeing {
    /// What it promises with the settings that it has. Asked before anything is open.
    var guarantees: [Guarantee] { get }
}

/// One thing that is promised, in words for people and with a strength, so that it can be compared with what another file
/// promises.
public struct Guarantee: Sendable, Hashable {
    /// What it is about, in a few words: `longest prompt`. Two files are compared by it, so it must not hold values.
    public let topic: String

    /// What is promised, as the rest of a sentence behind the stage's label.
    public let words: String

    /// How strong it is.
    public let strength: Guarantee.Strength

    /// What is so where nobody promises it.
    public let otherwise: String

    /// Whether it is kept by refusing messages, so that it counts whether all messages come to it, and before the model.
    public let refuses: Bool

    /// The name of the resource that it is about; `nil` where it is about none.
    public let resource: String?

    /// Where `explain` says it.
    package var section = Section.list

    /// When the lack of it counts.
    package var presence = Presence.always

    /// A guarantee of a stage, a resource or a section.
    public init(
        _ topic: String, _ words: String, _ strength: Guarantee.Strength, otherwise: String, refuses: Bool = false,
        of resource: String? = nil
    ) {
        self.topic = topic
        self.words = words
        self.strength = strength
        self.otherwise = otherwise
        self.refuses = refuses
        self.resource = resource
    }

    /// A guarantee that comes from where a step stands, or from its modifiers.
    package init(
        _ topic: String, _ words: String, _ strength: Guarantee.Strength, in section: Section,
        presence: Presence = .inBoth, otherwise: String = ""
    ) {
        self.init(topic, words, strength, otherwise: otherwise)
        self.section = section
        self.presence = presence
    }

    /// The same, compared only where both files promise something of its topic.
    package var comparedWherePromised: Guarantee {
        var copy = self
        copy.presence = .inBoth
        return copy
    }

    /// Where `explain` says a guarantee.
    package enum Section: Sendable {
        /// In the list of what else is promised.
        case list
        /// In the list of what can be lost.
        case losses
        /// With the stage, in the list of what clients wait for.
        case waits
        /// Nowhere, but where two files are compared.
        case comparison
        /// Nowhere: it goes without saying.
        case unsaid
    }

    /// When the lack of a guarantee in one of two files counts.
    package enum Presence: Sendable {
        /// Also where the whole part is missing.
        case always
        /// Where the part is there, and does not promise it.
        case withPart
        /// Never: it is compared where both have it.
        case inBoth
    }
}

extension Guarantee {
    /// How strong a guarantee is, for comparing it with one of the same topic.
    public enum Strength: Sendable, Hashable {
        /// Stronger where a number is greater. Of several numbers one that is smaller makes the guarantee weaker.
        case levels([Double])
        /// Stronger the fewer there are: what is let in or shown.
        case allowing(Set<String>)
        /// Stronger the more there are: what is covered.
        case covering(Set<String>)
        /// Neither weaker nor stronger than another: only different.
        case unranked

        /// Stronger where the number is greater.
        public static func level(_ number: Double) -> Guarantee.Strength { .levels([number]) }

        /// An upper bound: stronger where it is smaller; `nil` is no bound.
        public static func atMost(_ bound: Double?) -> Guarantee.Strength { .levels([bound.map { -$0 } ?? -.infinity]) }

        /// An upper bound on a time: stronger where it is shorter; `nil` is no bound.
        public static func atMost(_ bound: Duration?) -> Guarantee.Strength { .atMost(bound.map(\.inSeconds)) }
    }
}

extension Duration {
    /// For comparing and reckoning, where it need not be exact.
    package var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
