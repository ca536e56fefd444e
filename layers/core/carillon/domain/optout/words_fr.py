"""
What French replies say, in the notation of ``phrase_book``; accents are folded away.

Sources: STOP and arret, which Twilio and AWS End User Messaging know as defaults, the
"STOP SMS", "STOP PUB" of French advertising texts (CNIL), and their everyday forms.
Apostrophes are dropped when a reply is read: ``m'écrire`` is written mecrire here.
"""

ALONE = """
    arreter, annuler, quitter, retirer, supprimer, resilier, plus de (sms|messages|textos)
"""
STRONG = """
    arret, arrete, arretez, arretez tout, stop [aux|a la|au|les] (sms|pub|publicite|pubs|messages)
    arret (sms|pub|des sms|des messages)
    (desabonner|me desabonner|se desabonner|nous desabonner|desabonnement|desabonne moi)
    [je] desabonnez (moi|nous), (desinscrire|me desinscrire|se desinscrire|desinscription)
    desinscrivez (moi|nous), desinscris moi, comment (me|se) (desabonner|desinscrire)
    je me (desabonne|desinscris), comment (arreter|stopper) [ces|les|vos] (sms|messages)
    plus de (sms|textos)
"""
ENDINGS = "plus de sms"
OPENING = "(desabonnement|desinscription|stop sms)"
PHRASES = """
    (je|on|nous) [WISH] me (desabonner|desinscrire) [de] [votre|la|cette|vos] [liste|sms|messages]
    me (desabonner|desinscrire) [de] [votre|la|cette|vos] [liste|sms|messages]
    REMOVE (moi|nous|mon numero|ce numero|mon contact) [de] (votre|vos|la|cette|cet|de la) LISTS
    REMOVE (moi|mon numero|ce numero|mes coordonnees|mon nom|mes donnees)
    me (retirer|enlever|supprimer|rayer) [de] [votre|vos|la|cette] [LISTS]
    (arretez|arrete|cessez|cesse|stoppez) de WRITING [MANY] [TEXTS]
    (arretez|arrete|cessez|stoppez|arreter) (les|vos|ces|cette|tous ces|de nous) TEXTS
    (ne|merci de ne|de ne) (menvoyez|menvoie|mecrivez|mecris) plus [jamais] [rien|MANY] [TEXTS]
    ne me (contactez|contacte|ecrivez|derangez|textez|harcelez|recontactez) plus [jamais] [svp]
    ne plus (me contacter|mecrire|menvoyer|me deranger|me recontacter) [rien|MANY] [TEXTS]
    (arreter|darreter|cesser|stopper|arretiez|cessiez|arreteriez) de WRITING [MANY] [TEXTS]
    (arreter|darreter|cesser|stopper|arretiez|cessiez) (les|vos|ces|tous ces|denvoyer des) TEXTS
    (de|veux|souhaite|desire|voudrais) ne plus (recevoir|avoir) [MANY] TEXTS
    ne plus recevoir [MANY] TEXTS, ne plus etre WRITTEN, (annulez|resiliez) mon abonnement
    nenvoyez plus [rien|MANY] [TEXTS]
    (je|on) [ne] (veux|souhaite|desire|veut) plus [recevoir|avoir|voir] [MANY] TEXTS
    je [ne] (veux|souhaite|desire) plus (rien recevoir|en recevoir|etre WRITTEN|que vous mecriviez)
    je [ne] (veux|souhaite) pas [recevoir] (vos|de|ces|de vos|recevoir de) TEXTS
    plus (de|aucun) (sms|messages|message|textos) (svp|sil vous plait) merci
    (laissez|laisse|fichez|foutez|fiche|fous) (moi|nous) (tranquille|la paix|en paix)
"""
SLOTS = {
    "WISH": "veux, souhaite, souhaiterais, voudrais, desire, aimerais, voulons, souhaitons",
    "REMOVE": """
        retirez, retire, enlevez, enleve, supprimez, supprime, effacez, efface, rayez, otez
        sortez, retirer, enlever, supprimer, effacer, rayer
    """,
    "LISTS": """
        liste, listes, fichier, fichiers, base, base de donnees, liste de diffusion, contacts
        repertoire, liste de contacts
    """,
    "WRITING": """
        mecrire, menvoyer, me contacter, me deranger, me harceler, me texter, nous ecrire
        nous envoyer, me spammer, memmerder, membeter, menerver, me saouler, me souler
        mimportuner, mappeler
    """,
    "WRITTEN": "contacte, contactee, sollicite, sollicitee, derange, derangee",
    "MANY": "de, des, vos, ces, les, tous ces, de vos, vos",
    "TEXTS": "sms, messages, message, textos, pub, pubs, publicite, publicites, spam, spams",
}
REFUSALS = """
    arretez, arrete, arreter, cessez, stop, retirez, supprimez, enlevez, desabonner, desinscrire
"""
SENDINGS = "sms, messages, liste, pub, publicites, envoyer, ecrire, contacter"
INSTEAD = "appelez, plutot, mais, utilisez, seulement"
NEGATIONS = "pas, jamais, sans, pourquoi, si, non"
CONNECTORS = "de, me, vous, que, a, je, demande, veux, voulez"
CLAUSES = "stop, je, vous, ce nest, cest, jai, ou, sinon, merci, ceci, on"
LIMITS = "avant, apres, pendant, soir, nuit, travail, boulot, demain, quand, reunion, tard, tot"
COURTESIES = """
    sil vous plait, sil te plait, svp, stp, bonjour, bonsoir, salut, merci, merci beaucoup
    merci [bien] de, je veux, je voudrais, je souhaite, je souhaiterais, je desire, veuillez, oui
    non merci, maintenant, immediatement, tout de suite, cordialement, madame, monsieur
    de votre part, bonne journee, desole, et, merci davance, bonjour madame, mauvais numero
    pouvez vous
"""
EMPHASIS = "putain, bordel, merde, foutu, foutus, de merde, fichus"
SHORTHAND = "msgs messages, vs vous, slt salut"

WEAK_ALONE = """
    [je suis|je ne suis] pas (interesse|interessee|interesses), pas interessant, spam, arnaque
    arnaqueurs, harcelement, avocat, plainte, degage, degagez, casse toi, cassez vous, ta gueule
    fermez la, ferme la, ras le bol, (ca|cela) [ne] minteresse pas, ca suffit, assez, stop ca
    connard, connards, cons, bande de cons, jai dit non, je vous ai dit non, lachez moi
    faux numero, erreur, sil vous plait non, laissez tomber, bloque, signale, vous etes lourds
"""
WEAK = """
    qui (vous|ta|tas) [a] (donne|file|vendu) (mon|ce) (numero|telefono|telephone|contact)
    qui vous a (donne|file|communique|vendu) (mon|ce|mes) (numero|telephone|contact|coordonnees)
    (comment|ou) (avez vous|vous avez|as tu|tu as) (eu|trouve|obtenu|recupere) (mon|ce) numero
    (navez pas|vous navez pas) [eu] mon (accord|consentement|autorisation), encore vous
    [vous] me CROSS
    (sans|pas) mon (accord|consentement|autorisation)
    dou (tenez vous|vous tenez|sort|avez vous|vous avez) (mon|ce) numero
    comment vous avez mon numero
    pourquoi (vous|tu) (mecrivez|mecris|me contactez|menvoyez|me harcelez|me spammez)
    pourquoi (mecrivez|menvoyez|me contactez) vous, pourquoi je recois (ces|vos|ce)
    (ne|suis|pas) pas interesse par, ne minteresse pas, minteresse pas
    (mauvais|faux|pas le bon) numero, (erreur|trompe|trompez|trompes) de (numero|personne)
    vous (vous trompez|faites erreur), pas le bon numero, nest plus son numero
    (lachez|lache|oubliez) moi, communique (mon|mes) (numero|coordonnees), foutez le camp
    de quel droit
    (insupportable|insupportables|penible|penibles), (deteste|horreur) (de|vos|ces|recevoir)
    (du|un|de) harcelement, (harceler|harcelez) moi, me harcelez, porter plainte, porte plainte
    deposer plainte, (mon|un|notre) avocat vous, cnil, rgpd, 33700, (vous|te|le) (signaler|signale)
    (je|vais) [vous] (bloquer|bloque|signaler) [ce numero], (cest|cette|une|cest une) arnaque
    cest du spam, (assez|marre|ras le bol) de (vos|ces|tes|recevoir|vous), jen ai (marre|assez)
    plein le (dos|cul), (va|allez) (te|vous) faire (foutre|voir|enculer|mettre), nique ta
    allez au diable, fils de pute, enculer, encules, trop de (messages|sms|textos|pub)
    [ne] me suis jamais (inscrit|inscrite|abonne|abonnee), jamais (demande|accepte|donne|autorise)
    (pas|jamais) (autorise|donne mon accord|consenti), (est|il est|elle est) (decede|decedee)
"""
WEAK_SLOTS = {"CROSS": "saoulez, soulez, gonflez, emmerdez, derangez, harcelez, fatiguez, cassez"}

DISTRESS_ALONE = """
    urgence, [cest] une urgence, au secours, secours, sos, suicide, ambulance, aidez moi vite
    appelez (la police|les pompiers|le samu|une ambulance|le 15|le 17|le 18|le 112)
"""
DISTRESS = """
    (me|de me|mal|vais me) suicider, (pense|penser|pensees|envie) [au|de|du] suicide
    (au|de|du) suicide, suicidaire, (veux|vais|envie de) me (tuer|pendre|flinguer|foutre en lair)
    (veux|envie de|prefere|voudrais) mourir, (envie|veux) den finir, (veux|vais) en finir
    en finir avec (la|ma) vie, mettre fin a mes jours, (veux|envie de) plus vivre
    (plus|pas) envie de vivre, ne veux (plus|pas) vivre, me faire du mal, me taillader
    (suis|sommes|est) en danger, au secours, (cest|ai|pour) une urgence, urgence (vitale|medicale)
    (appelez|appeler|appelle) (la police|les pompiers|le samu|une ambulance|le 15|le 17|le 112)
    (besoin|envoyez) [d] (dune ambulance|une ambulance|des secours|les secours)
    (il|elle|on|mon mari) me (frappe|bat|tape|viole|menace|suit|sequestre)
    (va|veut|vont) me (tuer|frapper|violer), (il|elle) ma (frappee|frappe|violee|viole|battue)
    on magresse, jai ete (violee|viole|agressee|agresse|enlevee)
    je (saigne|narrive plus a respirer)
    (ne|peux) (respire|respirer) plus, peux plus respirer, crise cardiaque, overdose, surdose
    (marre|plus|fatigue|raison) de vivre, (mari|copain|conjoint|pere|mere|ex) (ma|me) HITS
    (est|il est|elle est) (inconscient|inconsciente), (venez|viens) vite (il|elle|je|mon|ma)
    (sauter|jeter) (du|dun|par|sous|de la) (pont|la fenetre|un train|train|toit), (veux|vais) sauter
    (pris|prends|avale) (tous|toute) [mes|la] (medicaments|cachets|comprimes|boite)
    (menferme|enfermee|enferme) (ici|dans|a cle), il y a une fusillade
    avale [tous] [mes|des] medicaments, (violences|violence) (conjugales|conjugale)
    peur pour ma vie
    (la|ma) maison (brule|est en feu), (a|avec) un couteau, (a|avec) une arme
"""
DISTRESS_SLOTS = {"HITS": "frappe, frappee, battue, battu, bat, menace, menacee, viole, violee"}
HARMLESS = """
    prevention du suicide, pas une urgence, (failli|presque) [eu|fait] une crise cardiaque
    (envie|veux) mourir de rire, envie de mourir de rire, en finir avec (ce|cette|les)
"""

START = ""
HELP = "aide"
YES = ""
