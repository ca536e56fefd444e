"""
What Spanish replies say, in the notation of ``phrase_book``; accents are folded away.

Sources: the Spanish keywords that carriers and Twilio's language sets know beside STOP
(alto, baja, cancelar, parar) and their everyday forms for one and for many addressed.
"""

ALONE = """
    alto, para, pare, paren, parar, parad, basta, baja, cancelar, cancela, salir, terminar
    detener, detente, eliminar, quitar, remover, anular, fin, no mas, ya no, ya no mas, ya basta
    (para|pare|paren|parad|basta|alto) ya, (alto|basta|parar|para|pare|paren) por favor
    por favor (alto|basta|paren|pare)
"""
STRONG = """
    [quiero|deseo|quisiera|solicito] (darme|dar|dame|deme|denme|darse|darnos) de baja, de baja
    (desuscribir|desuscribirme|desuscribanme|desuscribeme|desuscripcion), cancelar suscripcion
    (cancelar|cancelen|cancele|cancela|anular) (mi|la|esta) suscripcion
    baja [de] (sms|mensajes), (alto|basta) [a|de] [los|sus|estos] (mensajes|textos)
"""
ENDINGS = "(no|ya no) me (manden|mande|envien|envie|mandes|envies), me (manden|envien) nada"
OPENING = "(desuscribir|darme de baja|basta ya|alto)"
PHRASES = """
    DELETE [a mi|mi|este] [numero|telefono|nombre] de (su|sus|la|tu|tus|esta|esa|las) ROLL
    DELETE [a] (mi|este) (numero|telefono|contacto|celular|nombre)
    (darme|dame|deme|denme|darnos) de baja [de] [su|la|esta|esto] [lista]
    (no|ya no) (manden|envien|mande|envie|escriban) mas [TEXTS], (ya no|no) mas por favor
    (me|nos) (quiero|gustaria|deseo|pueden|puede|podrian|podria|quieren) dar de baja
     me (den|doy|des) de baja
    (no|ya no|nunca) me SEND [mas|nunca mas|mas nada|nada|nunca|sus|estos] TEXTS
    (no|ya no|nunca) me SEND (mas|nunca mas|mas nada|nada)
    (no|ya no|nunca) me WRITE [ni me WRITE] [mas|nunca mas|mas nada|nada|nunca]
    (no|ya no) me llamen ni me WRITE [mas], no me WRITE (ningun|ningun otro|mas) mensaje
    (no|ya no) vuelvan a (escribirme|contactarme|mandarme mensajes|enviarme mensajes|molestarme)
    QUIT de WRITING [me] [mas|tantos|sus|estos|esos|los|tus] [TEXTS]
    (no|ya no) (quiero|deseo|necesito|autorizo) [recibir] [mas|sus|estos|tus|ningunos|esos] TEXTS
    (no|ya no) (quiero|deseo) (recibir mas|recibir nada|saber nada de ustedes)
    (no|ya no) (quiero|deseo) que me (WRITE|SEND) [mas] [TEXTS]
    (no|ya no) (quiero|deseo) estar en (su|esta|la) lista
    (parenle|parale|bajenle|paren|para|terminen) (con|a) [los|sus|tantos|estos] TEXTS
    me (borren|eliminen|quiten|saquen|remuevan|retiren) de (su|sus|la|esta|esa|las) ROLL
    (cancelen|cancele|suspendan|suspenda|detengan|detenga|paren) [los|sus|estos|mis|todos los] TEXTS
    (no|ya no) (mandar|enviar|escribir|recibir) [mas] [TEXTS]
    dejar de (recibir|mandar|enviar) TEXTS
    (no|ya no) (quiero|deseo) ser (contactado|contactada|molestado|molestada)
    no mas [de] [sus|estos] TEXTS, (dejenme|dejeme|dejame|dejadme) (en paz|tranquilo|tranquila)
"""
SLOTS = {
    "DELETE": """
        quiten, quite, quita, quitenme, quiteme, quitame, saquen, saquenme, saqueme, sacame
        borren, borre, borra, borrenme, borreme, borrame, eliminen, elimine, elimina, eliminenme
        elimineme, eliminame, remuevan, remueva, remuevanme, remuevame, retiren, retirenme
        retireme, retirame, quitar, borrar, eliminar
    """,
    "ROLL": """
        lista, listas, base de datos, contactos, lista de (contactos|mensajes|correo), grupo
        registros, sistema
    """,
    "WRITE": """
        escriban, escriba, escribas, contacten, contacte, contactes, texteen, textee, textees
        molesten, moleste, molestes, escribais
    """,
    "SEND": "manden, mande, mandes, envien, envie, envies, mandeis, envieis",
    "QUIT": "dejen, deje, deja, dejad, paren, pare, para, parad",
    "WRITING": """
        escribirme, mandarme, enviarme, textearme, contactarme, molestarme, molestar, enviar
        mandar, escribir, llamarme, acosarme, joder, mandarnos, enviarnos, escribirnos, fastidiar
    """,
    "TEXTS": """
        mensajes, textos, sms, mensajes de texto, notificaciones, spam, mensajitos, publicidad
        nada, cosas, propaganda
    """,
}
REFUSALS = """
    dejen, deje, dejar, paren, quiten, quitenme, borren, borrenme, eliminen, saquen, saquenme, basta
    desuscribir, stop
"""
SENDINGS = "mensajes, textos, sms, lista, escribir, escribirme, mandarme, enviarme, mandar, enviar"
INSTEAD = "llamen, llame, llamame, llamenme, mejor, solo, pero, usen"
NEGATIONS = "no, nunca, sin, jamas, si"
CONNECTORS = "que, me, les, pido, quiero, por, favor, a"
CLAUSES = "stop, este no, este numero, no soy, soy, ustedes, o, numero, gracias, se"
LIMITS = "al, durante, antes, despues, hasta, noche, trabajo, tarde, manana, cuando, mientras"
COURTESIES = """
    a (este|mi) (numero|telefono|celular), favor, no me interesa, por favor, porfavor, porfa, xfa
    xfavor, favor de, hola, buenas, buenos dias
    buenas (tardes|noches), quiero, quisiera, me gustaria, deseo, solicito, si, y, pero
    gracias, muchas gracias, no gracias, ya, ahora, ahora mismo, nunca mas, adios, saludos
    senor, senora, senores, disculpe, disculpen, perdon, de inmediato, numero equivocado
"""
EMPHASIS = "pinche, pinches, puto, putos, putas, cono, de mierda, malditos"
SHORTHAND = "q que, xq porque, msjs mensajes, msj mensaje, mensages mensajes, nomas no mas"

WEAK_ALONE = """
    [a mi] no me (interesa|interesan) [nada|esto], [no] [yo] no estoy (interesado|interesada)
    no estamos interesados, spam, estafa, estafadores, fraude, acoso, abogado, denuncia
    por favor no
    callate, callense, largo, larguense, fuera, vayanse, vete, suficiente, ya estuvo, pendejos
    idiotas, cabrones, imbeciles, numero incorrecto, persona equivocada, que pesados, que lata
    les dije que no, dije que no, dejalo, dejenlo, molestos
"""
WEAK = """
    (quien|quienes) (te|les|le|os) (dio|dieron|paso|pasaron) (mi|este) (numero|telefono)
    como (tienes|tiene|tienen|conseguiste|sacaste) (mi|este) (numero|telefono)
    falta de respeto, (aqui no|no|ya no) vive [aqui] esa persona, (no|ya no) vive aqui, chingaos
    chinguense
    ya (les|te|le|se los) dije [que no], (dejenme|dejame) ya, ya dejenme
    de donde (sacaron|saco|sacaste|tienen|tiene|consiguieron|obtuvieron) (mi|este) (numero|telefono)
    como (consiguieron|obtuvieron|tienen|consiguio|obtuvo|sacaron) (mi|este) (numero|telefono)
    (por que|porque) [ustedes] [siguen] me [estan|siguen] (escriben|mandan|envian|molestan)
    (por que|porque) me [siguen|estan] (mandando|enviando|escribiendo|escribe|manda|llegan)
    (siguen|sigue) (escribiendome|mandandome|enviandome|molestando|molestandome)
    no me interesa (su|sus|lo que|nada), (numero|telefono) equivocado, equivocado de numero
    se (equivoco|equivoca|equivocaron|equivocan) de (numero|persona)
    (los|lo|las|la|te) voy a (denunciar|reportar|demandar|bloquear), (poner|presentar) una denuncia
    voy a (denunciarlos|reportarlos|bloquearlos|demandarlos|bloquear este numero)
    (esto|eso) es [un|una] (acoso|spam|estafa|abuso|fraude|ilegal), es [un|una] (acoso|estafa|spam)
    mi abogado, mis abogados, un abogado los, acciones legales, proteccion de datos, profeco
    (vete|vayanse|vayase|vayan|vaya) a la (mierda|chingada|verga), al carajo, a la chingada
    chinga tu madre, chinguen a su madre, hijo de puta, hijos de puta, que te jodan
    (harto|harta|hartos|cansado|cansada) de [recibir] [tantos] [sus|estos|tus|los|ustedes|tanto]
    me tienen (harto|harta), demasiados (mensajes|textos), tantos (mensajes|textos)
    (estar|esten|estan|estas|sigan) molestando, dejense de, (dejen|deja|deje) de (joder|fregar)
    con que derecho, (ya|que) (cansan|aburren|hartan), (odio|detesto) [estos|sus] mensajes
    que (fastidio|molestia|pesadez) [con], no me (inscribi|suscribi|apunte)
    nunca me (inscribi|suscribi|apunte), (no|nunca) (les|le) (di|he dado) [mi] (numero|permiso)
    nunca (les|le|te) di, (el|ella|mi) [padre|madre|esposo|esposa] (fallecio|murio), ya fallecio
    (no|ya no) es (su|el) numero, no me (llamen|llame) mas
"""
WEAK_SLOTS: dict[str, str] = {}

DISTRESS_ALONE = """
    emergencia, [es] una emergencia, auxilio, socorro, suicidio, ambulancia, llamen al (911|112|091)
    [ayuda] llamen a la policia, ayuda (911|112), tengo miedo ayuda, ayudenme por favor
"""
DISTRESS = """
    (sentido|razon) (a|de|para) (vivir|la vida|mi vida), (me|nos) amenazo con, me amenaza con
    matarme, (gana|ganas) de (matarme|suicidarme|desaparecer), cortarme las venas, no respira
    (hay|hubo) un (tiroteo|incendio), me (encerro|encerraron), tirarme (de|del|por|al)
    me tome todas las pastillas
    me estan (robando|asaltando), (esta|estan) inconsciente
    quiero (morir|morirme|matarme|suicidarme), me quiero (morir|matar|suicidar)
    (voy a|pienso|pensando en) (matarme|suicidarme), me voy a (matar|suicidar), suicidarme, suicidio
    (quitarme|acabar con mi|terminar con mi) [la] vida, hacerme dano
    no quiero (vivir|seguir viviendo)
    (en|con) ganas de morir, ganas de morirme, (estoy|estamos|esta) en peligro
    (es|tengo|hay) una emergencia, auxilio, socorro, sobredosis, (estoy|esta) sangrando
    (llamen|llame|llama) [a] (al 911|al 112|a la policia|la policia|una ambulancia)
    (llamen|llame|llama) a (una ambulancia|emergencias|los bomberos)
    (necesito|necesitamos|manden|envien) una ambulancia, no puedo respirar, no respira
    me (va|van|quiere|quieren) a matar, me (quiere|quieren) matar
    me (esta|estan) (pegando|golpeando|siguiendo|atacando|ahorcando), me (pega|golpea|viola)
    me (violaron|violo|secuestraron|apunalaron|atacaron), violencia (domestica|de genero)
    (dando|tengo|tiene) un infarto, ataque al corazon, temo por mi vida, miedo por mi vida
    (tiene|con) un arma, (tiene|con) una pistola, se quema la casa, casa se esta quemando
"""
DISTRESS_SLOTS: dict[str, str] = {}
HARMLESS = """
    prevencion del suicidio, no es una emergencia, me quiero morir de (risa|hambre|pena)
    escuadron suicida, casi me da un infarto
"""

START = ""
HELP = "ayuda"
YES = ""
