"""
What English replies say, in the notation of ``phrase_book``.

Sources: the FCC's list (47 CFR 64.1200(a)(10): stop, quit, end, revoke, opt out,
cancel, unsubscribe) and its rule that any reasonable wording counts; CTIA Messaging
Principles; the defaults of Twilio and of AWS End User Messaging, which add remove,
optout, start, unstop, help and info. Everything longer is ours: how people say it.
"""

# Opt-outs only as the whole message: inside a sentence they mean other things
# ("cancel my appointment", "end of the street"), or quote our own "Reply STOP to opt out".
ALONE = """
    end, cancel, quit, revoke, exit, no more
    stop to (end|quit|cancel|opt out|unsubscribe|stop)
    (reply|text|send) stop [to opt out]
"""

# Opt-outs that stay one with a polite word or two around them, or as a sentence of their own.
STRONG = """
    (stop|stopp|stopt|sotp|stpo|tsop|st0p)
    stop [it|this|these|that|them|everything|all|end|sending|now|at once]
    stopall, stop2end, stop2quit, stop2stop, stop (and|or) (unsubscribe|remove me)
    make (it|this|these|them) stop, remove, revoke consent, cease and desist
    (unsubscribe|unsubscribed|unsubscrib|unsuscribe|unsubcribe|unsubscibe|unsubsribe) [all]
    (usubscribe|unsubscrbe|unscubscribe|unscribe|unsub|un subscribe|un sub) [me]
    unsubscribe (me|us|this number|my number|my phone|my phone number|this phone)
    unsubscribe [me|us] (from|to) [this|your|the|all|these] [text|mailing] [list|texts|messages|all]
    (optout|opt out|optmeout|opt me out|opt us out|opting out|opted out) [now]
    opt out (of|from) (this|all|these|texts|messages|all messages|these messages|your texts)
    i (opt out|am opting out|unsubscribe), im opting out, (i want|let me) out of this
    how (do|can|would|should) i (unsubscribe|opt out|stop|stop this|get off|get off this list)
    how (do|can) i (get removed|get off your list|get off the list|cancel these|cancel this)
    how (do|can) i (stop|end|cancel) (these|the|your) (texts|messages)
    how to (unsubscribe|opt out|stop this|stop these|stop these texts|stop these messages)
"""

# Opt-outs that stay one when a sentence begins with them and goes on as another clause.
OPENING = """
    (stop|unsubscribe|opt out|optout|unsub|stop it now|please stop)
"""

# Phrases that opt out only where a clause ends with them.
ENDINGS = """
    please remove, (wrong number|not interested) remove, to stop already, NEVER text
    (told|asked|telling|asking|begged|begging) you [guys|people|nicely|politely|twice] to stop
    (were|been) (told|asked) to stop
"""
# Phrases that opt out where a sentence, or a clause of one, ends with them.
PHRASES = """
    (take|remove|delete|get|drop|pull|erase) MINE (off|off of|from|out of) LISTING
    (take|remove|delete|get) MINE off, take MINE off (this|it)
    (remove|delete|erase|lose|forget) (my|this) (number|phone|phone number|cell|cell number)
    (remove|delete|erase|lose) (my|this) (name|info|information|contact|contact info|data)
    (taking|removing|deleting) MINE (off|off of|from|out of) LISTING
    (want|get|need|be) off [of] (this|your|the|these) [KINDS] LISTS, want (off|out) of LISTING
    (take|remove|delete) (this|my) number off, rather not (receive|get) [any|these|your|the] TEXTS
    how (do|can) i (make|get) (these|the|your|this|those) TEXTS (stop|to stop)
    NEVER reach out [to (me|us)], refrain from REACHING [HERE], refrain from sending [me] [SENT]
    (remove|delete) (me|us), lose my digits
    unsubscribe (me|us|my number|this number), unsubscribe (me|us|my number) from LISTING
    opt (me|us) out
    (want|like|wish) to (unsubscribe|unsub|opt out)
    (want|like|wish) to (unsubscribe|opt out) (of|from) LISTING
    (want|like|wish) to be (removed|unsubscribed|taken off|opted out|off) [from] LISTING
    (want|like|wish) to be (removed|unsubscribed|taken off|opted out)
    leave (me|us|my family|this number) (alone|be)
    no more (texts|messages|text|text messages|sms|spam|texting|of these|of this|of your texts)
    no more [of] (these|your) [political] (texts|messages)
    no more messages from you [people|guys]
    NEVER REACH [or|and] [call|text|message|email] HERE [again]
    NEVER (text|contact|message), NEVER (call|email) (or|and) (text|message) HERE
    NEVER send [me|us] [any|any more|anymore|more|these|your] [text] (texts|messages|sms|spam)
    NEVER send (me|us) (anything|these|this|stuff|crap|shit), NEVER text (my phone|us)
    CEASE REACHING [and|or] [calling|texting|messaging] [with] [HERE|my RELATIVE]
    CEASE (calling|calling and texting|calling or texting) (me|us|this number)
    CEASE sending [me|us|out] [any|all|more|these|those|this|your|the] [political] [SENT]
    CEASE sending [me|us] [any|all|more|these|those|this|your|the] SENT to (me|this number|my phone)
    CEASE sending [me] (these|this|it|them|anything) [TEXTS] to HERE
    CEASE (the|this|these|all) (texting|messaging), CEASE (all|any) [further|future] TEXTS
    (must|should|needs|need|is|wants|asked) to be removed
    (must|should|needs|need|is|wants|asked) to be removed from LISTING
    get (my|this) number (off|out of) LISTING, block (me|my number) from LISTING
    NEVER want (to hear from you|another text|another message|any more texts) [again]
    CEASE [with] [all] [the|these|those|your|this|all] TEXTS [already]
    CEASE (receiving|getting) [these|any|any more|your|the|all] TEXTS [from you|from you guys]
    (revoke|withdraw) [my] consent [to be (texted|contacted)]
    (revoke|withdraw) [my] consent to [be] (texted|contacted|receive texts|these texts)
    i (do not|dont) consent [to (this|these)] [to receiving] [these] [texts|messages]
    (do not|dont) have my (consent|permission) [to text me|to contact me|to message me]
    UNWANTED [to] [receive|get|see] [any|any more|anymore|more|these|your|the|those] TEXTS [FROM]
    UNWANTED to be (contacted|texted|messaged|bothered) [by you]
    UNWANTED to be [on] (this|your|the) list, UNWANTED to be on (this|your|the) list
    UNWANTED to hear from you [people|guys]
    (told|asked|asking|telling|begging) you [guys|people] to (remove me|leave me alone)
"""
SLOTS = {
    "MINE": """
        me, us, this, my, number, this [phone] number, my [cell|phone] number, our number
        my (phone|cell|name|info|information|contact|email|name and number), this phone
    """,
    "LISTING": """
        [of] [your|the|this|that|these|those|all|all your|all of your|any|every] [KINDS] LISTS
    """,
    "KINDS": """
        mailing, texting, text, text message, call, calling, contact, message, phone, sms
        political, campaign, marketing, distribution
    """,
    "LISTS": """
        list, lists, database, databases, system, contacts, records, group, texts, messages
        chat, thread, files, notifications, text messages, thing, things, registry, roster
        distribution, service, program, subscription, subscriptions, rotation, blast, blasts
    """,
    "NEVER": "do not [you] [ever|dare], dont [you] [ever|dare], never [ever], quit, stop",
    "REACH": "text, message, contact, bother, spam, harass, bug",
    "REACHING": """
        texting, messaging, contacting, spamming, harassing, bothering, bugging, pestering
        blowing up, bugging, annoying, disturbing
    """,
    "HERE": "me, us, this [phone] number, this phone, my [phone] number, my phone, my cell",
    "RELATIVE": "mother, mom, father, dad, wife, husband, son, daughter, kid, kids, family",
    "CEASE": "stop, quit, cease, discontinue",
    "SENT": "TEXTS, stuff, crap, shit, bullshit, junk, garbage, anything, things",
    "TEXTS": """
        text, texts, messages, text messages, sms, spam, notifications, alerts, harassment
        communication, communications, contact, solicitations, political texts
    """,
    "UNWANTED": """
        (dont|do not|no longer|not) (want|wish|need|care), didnt ask, dont like
    """,
    "FROM": "from you [guys|people|anymore], at this number, on this phone",
}
# What keeps a phrase before it from being an opt-out, and the words it may reach across.
NEGATIONS = """
    not, dont, didnt, doesnt, never, wont, cant, cannot, without, wouldnt, shouldnt, non
    why, did, if, when, whether
"""
CONNECTORS = """
    to, you, ever, want, need, ask, asked, would, i, we, please, really, just, mean
    meant, trying, going, have, be, say, said, do
"""
# A new clause after a phrase leaves it whole ("stop texting me I am not John"), one that
# sets a time or a place makes it a wish about when ("do not text me at work").
CLAUSES = """
    stop, i, im, ive, ill, id, you, youre, your, we, were, he, she, they, who, or, wrong, not
    this is, this isnt, this number, thats, its, it is, it belongs, fuck, god, nobody, no one
    from (you|candidates|anyone|anybody|campaigns|politicians)
"""
LIMITS = """
    at, before, after, until, till, during, while, early, late, night, work, driving
    meeting, class, school, busy, later, tomorrow, weekend, weekends, unless, except
"""
# A word of the first kind shortly before one of the second is a shadow of an opt-out.
REFUSALS = """
    stop, quit, cease, unsubscribe, optout, remove, removed, delete, refrain, halt, discontinue
"""
SENDINGS = """
    text, texts, texting, messages, messaging, sms, list, lists, contacting, spam, spamming
    communications, solicitations
"""
# After a comma, these show that a refusal was about the way only.
INSTEAD = "call, email, use, write, try, just call, but, text, message, send, only, instead"
# Courtesies, and their opposite, that may stand around a STOP or a phrase without changing it.
COURTESIES = """
    please, kindly, a favor, hey there, ok, okay, hi, hi there, hello, hey, just, yes, no, sorry
    no thanks, no thank you, nope, thanks but, omg, sir, maam, man, dude, dear sir, hi team, guys
    good (morning|afternoon|evening|day), excuse me, and, then, so, but
    (can|could|would|will) you, i [already] said, i (want|would like|wish|need|am asking) to
    id like to, want [to], i want you to, you (need to|must), for the last time
    would you mind, thanks, thank you [so much], thankyou, thx, ty, tks, now, right now, already
    immediately
    today, asap, anymore, any more, again, ever, ever again, at all, forever, for good, at once
    at this number, on this number, bye, goodbye, cheers, god bless, (have a) (nice|good) day
    have a (nice|good|great) day, regards, everyone, folks, im asking nicely, jesus, lol
    [you] (assholes|idiots|creeps|fuckers|bastards|jerks|morons|people)
    from my phone, sincerely, [a|your] [tired|former|angry] (voter|customer|citizen|donor)
    effective immediately, not interested, wrong number
"""
# Words of emphasis that are read over.
EMPHASIS = """
    fucking, fuckin, fking, effing, freaking, frickin, damn, damned, goddamn, bloody, stupid, tf
    the fuck, the hell, the heck
"""
SHORTHAND = """
    plase please, pleae please, plese please, pease please, pls please, plz please
    u you, ur your, r are, txt text, txts texts, txting texting, msg message, msgs messages
    cuz because, gonna going to, wanna want to, rn now, textin texting, em them
"""

# Displeasure that may be an opt-out, as a sentence of its own.
WEAK_ALONE = """
    [im|i am|were|we are] not interested [anymore|at all|at this time|right now|in this]
    [im|i am] no longer interested, uninterested, dont, do not, leave it, leave me, let it go
    get lost, go away, begone, enough, thats enough, enough is enough, thats it
    spam, scam, scammer, scammers, spammer, spammers, fraud, harassment, phishing, fake
    reported, blocked, block, blocking, reporting, lawyer, attorney, shut up, shut it
    asshole, assholes, bitch, idiots, morons, losers, creep, creeps, fuck, fu, f you
    i [already] [said|told you] no, no means no, i want out, let me out, delete, erase
    [so|very|this is|youre|you are] [so|very|really|super] annoying, annoying, do not call
"""
# The same anywhere in a message.
WEAK = """
    who (gave|sold|told|authorized|allowed|asked) you [guys|people] (my|this|that|permission|to)
    who (gave|provided|sold) you [guys|people] [with] (my|this) PRIVATE
    (how|where) (are|were) you [guys|people] getting (my|this) PRIVATE
    how you (got|have|found) (my|this) PRIVATE, (no one|nobody|noone) [here] by that name
    DENIES [even] live (here|there|at), DENIES [even] live in (that|this|your) (state|city|district)
    (care|be) less interested, couldnt care less, could not care less, (isnt|not) my number
    keep (bugging|bothering|spamming|harassing|pestering|blowing up), reporting your
    [you] people are (relentless|unbelievable|insane|sick|ridiculous), (leave it|hard pass) leave it
    (dont|do not|never) (have|had) my (consent|permission), so late [at night]
    (this|so) late please
    third text, (3rd|4th|5th|6th|10th|hundredth|100th) (text|message|time)
    (texted|messaged|contacted) me [like] (three|four|five|ten|10|5|6|20|a hundred|100) times
    who (gave|sold) (my|this) number
    (how|where) (did|do|would|have) you [guys|people] (get|got|find|obtain|have) (my|this) PRIVATE
    (howd|whered) you [guys|people] (get|find) (my|this) PRIVATE
    why do you [guys|people] [still] have (my|this) PRIVATE
    why (are|do|did|would|is) you [guys|people] [keep|still|always] CONTACT
    why (am i|do i) [still|keep] (getting|receiving|get) (these|this|your|texts|messages|so many)
    (you|people) [guys|people] keep CONTACT, when will you stop, wont stop (texting|sending)
    (never|didnt|did not) [sign|signed] up for (this|these|that|any|your|it)
    (never|didnt|did not) (sign|signed) up for (this|these|that|any|your|it)
    (never|didnt|did not) (gave|give) you [guys|people] [my|permission|consent|this]
    (never|didnt|did not) (subscribed|subscribe|opted in|opt in|consented|consent|agreed|agree)
    (never|didnt|did not) (ask for|asked for|request|requested|authorize|authorized) (this|these)
    (what|who) gives you the right, (hate|hating|despise) (getting|these|your|receiving|this spam)
    (wasting|waste) (your|my) time, (take|get) (a|the) hint, not you again, you again
    (hear|have) my COUNSEL
    bugging me, (buzz|back) off, (get|go) away from me, stop this already, quit it
    so over (this|these)
    how dare you, (number|phone) is (private|personal), (invasion|invading) of privacy
    not interested in (your|this|these|receiving|any|hearing|being|texts|politics|donating)
    (wrong|incorrect) (number|person|guy|lady), wrong phone number
    (isnt|is not|not) (her|his|their) (number|phone), (number|phone) anymore
    no longer (has|have|uses|owns|at) this (number|phone)
    (he|she|they) (is|has) (dead|deceased|died), (is|are) deceased, passed away
    (report|reporting|reported) (you|this number|it as|this as|as spam|as junk|and block|spam)
    (reported|report|reporting) and (block|blocked|blocking), (i|have) reported this
    fcc, ftc, tcpa, better business bureau, attorney general, do not call (list|registry), dnc list
    complaint (with the|against you|against your), unsolicited
    (this is|its|thats|is this|such|you are|youre|this) [a|just|so|pure|total] BAD
    (harassing|spamming|stalking|bothering) (me|us|my|people), harass (me|us|people)
    hear from my COUNSEL, hearing from my COUNSEL
    my COUNSEL (will|is|has|shall), (calling|getting|contacting|hiring|call|contact) my COUNSEL
    (getting|hiring) (a|an) COUNSEL, my attorney
    (sue|suing) (you|your), lawsuit, legal action, you in court, you to court
    press charges, cops on you, police on you, small claims
    (block|blocking|blocked) (you|this number), (you are|youre|and) blocked
    too many (texts|messages|notifications), so many (texts|messages)
    (sick|tired|fed up|done|had enough) (of|with) [all] [these|your|the|getting|this] TEXTS
    (sick|tired|fed up|had enough) (of|with) (you|your|getting|receiving)
    (fuck|f|fck|fk|screw) (you|off|yourself|yall|your), go (fuck|f), off you go
    (piss|bugger|sod|buzz) off, go to hell, (eat|full of) shit, (kiss my|up your) ass, shove it
    get a life, stfu, gtfo, kys, shut [the] fuck up
    you [people|guys] (assholes|idiots|bastards|bitch|morons|scumbags|pricks|creeps|suck)
    (trying|tried|attempted|unable) to (unsubscribe|opt out|stop these|get off this list)
    cant [i] (unsubscribe|opt out|get off this list), unsubscribe (link|button|doesnt|isnt)
    already (unsubscribed|opted out|texted stop|replied stop|asked you|told you|said no)
    stop doing (this|that), stop this (nonsense|shit|crap|bullshit|madness), cut it out
    knock it off, (dont|do not|never) (call|email) me (again|anymore|ever)
    off my phone, lose this chat
"""
WEAK_SLOTS = {
    **SLOTS,
    "PRIVATE": "number, info, information, name, cell, phone, phone number, contact, details",
    "CONTACT": """
        (texting|messaging|contacting|bothering|spamming|harassing|sending) [me|us|this]
        (text|message|contact|bother|spam|harass|send) (me|us|this)
    """,
    "BAD": """
        spam, harassment, illegal, scam, fraud, harassing, spamming, spammers, scammers, stalking
        annoying, unwanted, an invasion, tcpa
    """,
    "DENIES": "dont, doesnt, do not, does not",
    "COUNSEL": "lawyer, lawyers, attorney, solicitor",
}

# Somebody is in danger: as a sentence of its own, and anywhere in a message.
DISTRESS_ALONE = """
    [help] emergency [help], [medical|its an] emergency, sos, suicide, [need|send] ambulance
    call (911|the police|the cops|an ambulance|for help), (911|999|112) help, help (911|999|112)
    help im scared, im scared help, save me, send help, help me now, i need help now
    (i cant|cant|cannot) go on [anymore|like this]
"""
DISTRESS = """
    (kill|killing|hurt|hurting|harm|harming|hang|hanging|shoot|drown) myself
    (want|going|start|started|keep|been|thinking about) [to] (cut|cutting) myself
    (end|ending|take|taking) my [own] life, (end|ending) it all, (want|going) to kms
    (want|wish) to (die|be dead), wish i (was|were) dead, ready to die, rather be dead
    (dont|do not|no longer) want to (live|be alive|be here anymore|exist|wake up)
    (knife|gun) to my (head|wrist|wrists|throat|chest), (cut|slit) my wrists, locked me (in|up)
    (been|is|was|theres) a shooting, (shooting|stabbing) at, jump (off|from) (a|the|my)
    (want|going|about) to (jump|end it), active shooter, cant stay alive, in front of a train
    (no|the|any) point (in|of|to) (living|life|being alive), (want|going|ready) to end (things|it)
    (thinking|thought) (of|about) (jumping|dying|ending it|hurting myself)
    jump off (a|the) (bridge|roof)
    (scared|afraid) to (go home|be home)
    KIN (hit|hits|beat|beats|choked|attacked|threatened) (me|us)
    (being|am|are) held (here|captive|hostage|against), (wont|not|doesnt) wake up, unresponsive
    (he|she|dad|mom|husband|wife|baby|someone|somebody) [has|just] collapsed
    (is|hes|shes) unconscious
    send (the police|police|help to), (come|help) quick (he|she|i|my|someone)
    (no reason|nothing left|nothing) to live [for], better off (dead|without me), suicidal, suicide
    self harm, (no one|nobody) would (miss me|care if i)
    cant go on (anymore|any longer|living|like this)
    (overdose|overdosed|overdosing), (bottle|all) of [my|the] (pills|meds)
    took [all|too many] [of] [my|the] pills, took too many pills
    (please|someone|somebody|can you|need to) call (911|999|112|the police|an ambulance)
    call (911|999|112) now, call the police (he|she|they|im|theres|someone|please|now)
    (need|needs|get|send) (an ambulance|the police|a paramedic)
    (im|i am|were|we are|my life is|she is|he is) in [great|serious|grave] danger
    this is an emergency, (its|is|have|having) an emergency, medical emergency
    (trying|going|threatening|threatened|wants) to (kill|rape|hurt|stab|shoot) (me|us)
    (hes|he is|shes|she is|husband is|wife is|boyfriend is|dad is) HURTING (me|us)
    (hits|beats|abuses|raped|kidnapped|strangled|attacked) (me|us) [again]
    (i was|ive been|been|being) (raped|assaulted|kidnapped|attacked|abused|trafficked|stabbed|shot)
    (being|am) followed, held against my will, domestic violence, (has|have|with|pulled) a gun
    (has|with|pulled) a knife, broke into my (house|home|apartment), breaking into my (house|home)
    (for|fear for) my life, (dont|do not) feel safe, (im|i am) not safe, not safe at home
    (having|had) [a] (heart attack|stroke|seizure) [now], (not|isnt|stopped) breathing
    (having|have) chest (pain|pains), cant breathe, (im|i am|is) bleeding, (is|im) unconscious
    (house|home|apartment|building|kitchen) is on fire
"""
DISTRESS_SLOTS = {
    "KIN": "he, she, husband, wife, boyfriend, girlfriend, partner, dad, father, mom, mother, ex",
    "HURTING": "hitting, hurting, beating, choking, strangling, attacking, abusing",
}

# What only sounds like one of the above.
HARMLESS = """
    suicide (prevention|squad|awareness|hotline|survivors|helpline), almost had a heart attack
    (nearly|about) had a heart attack, (not|no|isnt) an emergency, no emergency
    (for|in) the lives of, not (suicidal|in danger), time of my life, (love|rest) of my life
    wrong number of, take (me|us) off (hold|speaker|mute), remove my name as
    (receive|get) no more messages, (i|we|they) (dont|do not|never) (text|contact|message)
    stop (by|over|off|into), stop at (the|my|our|your|a|gate), stop for (a|the|lunch|gas|coffee)
    stop in (the|today|tomorrow|on|at|to|for), (dont|do not) (text|message|send) me (the|a|an)
    stop (youre|you are) (killing|hilarious|funny|making|too|so), non stop, shut up thats
    (laughing|lol) cant breathe, cant breathe lol
    cant breathe laughing, (die|died) (of|from) laughter, (vegan|canned) spam
    to (die|kill) for, want to die (laughing|lol)
    sick of (winter|work|school|rain), (dont|do not) want to be here (late|early|long)
"""

START = "start, unstop, opt in, optin"
HELP = "help, info, information"
YES = "yes"
